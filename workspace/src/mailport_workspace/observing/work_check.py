"""What the check-up finds in the rows: secrets that no key opens, workers, inboxes that stand still, weak connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from functools import partial

from mailport import Account
from mailport.errors import MailportError
from mailport_workspace.observing.finding import Finding
from mailport_workspace.tables import now
from mailport_workspace.tenants.rotation import SEALED
from mailport_workspace.workspace import Workspace

__all__ = ["check_accounts", "check_inboxes", "check_secrets", "check_workers"]

_BATCH = 200
_PATIENCE = timedelta(minutes=5)


async def check_secrets(workspace: Workspace) -> list[Finding]:
    """Say whether every stored secret has its key in the ring."""
    used = {key async for key in _keys_in_use(workspace)}
    missing = sorted(used - set(workspace.ring.keys))
    if missing:
        said = f"Secrets are sealed under keys that the ring lacks: {', '.join(missing)}."
        return [Finding.failed("secrets", said, "Put these keys back behind the first one, then run rotate-keys.")]
    old = sorted(used - {workspace.ring.current})
    if old:
        said = f"Some secrets are still sealed under {', '.join(old)}."
        return [Finding.warning("secrets", said, "Run mailport-workspace rotate-keys, before you take a key out of the ring.")]
    return [Finding.ok("secrets", "Every secret is sealed under the first key.")]


async def _keys_in_use(workspace: Workspace) -> AsyncIterator[str]:
    for kind in SEALED:
        after = ""
        while True:
            async with workspace.store.operate() as rows:
                found = await rows.sealed_rows(kind, after=after, limit=_BATCH)
                sealed = [str(value) for row in found for value in row.secrets.values()]
            for value in sealed:
                yield value.removeprefix("v1.").partition(".")[0]
            if len(found) < _BATCH:
                break
            after = found[-1].id


async def check_workers(workspace: Workspace) -> list[Finding]:
    """Say who works, and what waits."""
    async with workspace.store.survey() as rows:
        backlog = await rows.backlog(now())
    waiting = sum(backlog.outbox.values()) + sum(backlog.intake.values())
    if not backlog.workers:
        start = "serve" if workspace.settings.is_embedded else "worker"
        return [Finding.warning("workers", f"No worker is alive; {waiting} mails wait.", f"Start mailport-workspace {start}.")]
    said = f"{backlog.workers} alive; {waiting} mails wait, the oldest for {backlog.oldest_due:.0f} s."
    if backlog.oldest_due > _PATIENCE.total_seconds():
        return [Finding.warning("workers", said, "Start more workers, or look into their logs.")]
    return [Finding.ok("workers", said)]


async def check_inboxes(workspace: Workspace) -> list[Finding]:
    """Name the inboxes that make no progress, and why."""
    async with workspace.store.survey() as rows:
        stuck = await rows.stuck_inboxes(due_before=now() - _PATIENCE)
    if not stuck:
        return [Finding.ok("inboxes", "Every enabled inbox is read.")]
    return [
        Finding.warning(
            "inboxes",
            f"{inbox.tenant}: “{inbox.name}” is due since {inbox.due_since:%Y-%m-%d %H:%M}. {inbox.last_error}".strip(),
            "Test the connection of the inbox." if inbox.failures else "Start a worker.",
        )
        for inbox in stuck
    ]


async def check_accounts(workspace: Workspace) -> list[Finding]:
    """Name every account whose connections are weaker than usual (SEC-02)."""
    findings = [
        Finding.warning(
            "accounts", f"{tenant}: {account.user_name} {'; '.join(account.weaknesses)}", "Change that setting of it."
        )
        for tenant, account in await _accounts(workspace)
        if account.weaknesses
    ]
    return findings or [Finding.ok("accounts", "No account weakens its connections.")]


async def _accounts(workspace: Workspace) -> list[tuple[str, Account]]:
    found: list[tuple[str, Account]] = []
    async with workspace.store.survey() as rows:
        tenants = await rows.tenants()
    for tenant in tenants:
        async with workspace.store.read(tenant.id) as rows:
            inboxes = [inbox.id for inbox in await rows.readable_inboxes()]
        asked = [partial(workspace.configurations.account, tenant.id)]
        asked += [partial(workspace.inboxes.account, tenant.id, inbox) for inbox in inboxes]
        for ask in asked:
            with suppress(MailportError):  # not filled in, or its plugin is gone: its own place says so
                account = await ask()
                found.append((tenant.name, account))
    return found
