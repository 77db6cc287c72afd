"""The sample tenant: made at the first start, found again at the next, with a password and a token for whoever tries it."""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mailport.errors import AuthenticationFailed
from mailport_workspace.access.caller import Scope
from mailport_workspace.tables import Role, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.workspace import Workspace

__all__ = ["ADMINISTRATOR", "DESK", "GUEST", "INBOX", "OUTBOX", "TENANT", "Sample", "poll_now", "prepare_sample"]

TENANT = "Demo"
DESK, GUEST, ADMINISTRATOR = "desk@example.org", "ann@example.org", "admin@example.org"
INBOX, OUTBOX = "inbox", "outbox"
"""The two Maildirs below the folder of mail: what comes, and what goes."""

_OUTGOING = {"protocol": "maildir", "directory": OUTBOX, "user_name": DESK, "attach_conversation_id": True, "poll_interval": 10}
_INCOMING = {"protocol": "maildir", "directory": INBOX, "user_name": DESK, "address": DESK, "enabled": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The sample tenant, ready; ``token`` lies in ``token_file`` as well."""

    actor: Actor
    inbox: str
    password: str
    token: str
    token_file: Path


async def prepare_sample(workspace: Workspace, folder: Path) -> Sample:
    """Make the sample tenant, or find it, and give its administrator a password for this run."""
    operator = await _tenant(workspace)
    password = secrets.token_urlsafe(9)
    actor = await _administrator(workspace, operator, password)
    inbox = str((await workspace.inboxes.list(operator))[0]["id"])
    file = folder / "token"
    return Sample(actor=actor, inbox=inbox, password=password, token=await _token(workspace, actor, file), token_file=file)


async def poll_now(workspace: Workspace, sample: Sample) -> None:
    """Let the sample inbox be read at once."""
    async with workspace.store.write(sample.actor.tenant) as rows:
        (await rows.inbox(sample.inbox, for_update=True)).next_poll_at = now()


async def _tenant(workspace: Workspace) -> Actor:
    async with workspace.store.survey() as rows:
        there = await rows.tenant_named(TENANT)
    if there is not None:
        return Actor.operator(there.id)
    operator = Actor.operator(await found_tenant(workspace.store, TENANT))
    await workspace.configurations.save(operator, _OUTGOING)
    inbox = str((await workspace.inboxes.list(operator))[0]["id"])
    await workspace.inboxes.save(operator, inbox, _INCOMING | {"link_person": True, "permitted_domains": ["example.org"]})
    return operator


async def _administrator(workspace: Workspace, operator: Actor, password: str) -> Actor:
    known = {user["email"]: str(user["id"]) for user in await workspace.users.list(operator)}
    if ADMINISTRATOR in known:
        await workspace.users.set_password(operator, known[ADMINISTRATOR], password)
    else:
        await workspace.users.create(operator, email=ADMINISTRATOR, name="Admin", role=Role.ADMINISTRATOR, password=password)
    return await workspace.users.sign_in(operator.tenant, ADMINISTRATOR, password)


async def _token(workspace: Workspace, actor: Actor, file: Path) -> str:
    """Return the token of an earlier run where it still counts, else a new one; only the owner of the file reads it."""
    token = await asyncio.to_thread(_read, file)
    with suppress(AuthenticationFailed):
        await workspace.tokens.caller(token)
        return token
    _, token = await workspace.tokens.create(actor, name=f"demo {secrets.token_hex(4)}", scopes=[Scope.ADMIN])
    await asyncio.to_thread(_write, file, token)
    return token


def _read(file: Path) -> str:
    return file.read_text(encoding="ascii").strip() if file.exists() else ""


def _write(file: Path, token: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as opened:
        opened.write(f"{token}\n")
