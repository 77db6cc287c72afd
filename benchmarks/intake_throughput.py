"""Staged mails that become incidents per second: one worker on SQLite, and one on PostgreSQL.

    python benchmarks/intake_throughput.py [mails]

Mails of 2 KB of twenty people are stored first, as a poll does it; then the clock starts, and the queue of the tenant is worked
off: recognise, find or make the person, make the incident, write the verdict. PostgreSQL runs as in the tests, without fsync.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mailport import Message
from mailport_workspace.database import migrate
from mailport_workspace.intake.content import ReadMail
from mailport_workspace.sealing import new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tables import IntakeEntry, IntakeState, JournalEntry, MailDirection, Outcome, RawMessage, new_id
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.workspace import Workspace
from tests.peers.postgres import serve_postgres

DESK = "desk@example.test"
TEXT = "A line of text of a mail.\n" * 75  # 2 KB
PEOPLE = 20


async def desk(workspace: Workspace) -> tuple[str, str]:
    """Make a tenant with an inbox that makes incidents, and people; return their ids."""
    tenant = await found_tenant(workspace.store, "one")
    actor = Actor.operator(tenant)
    form = {"name": "Desk", "enabled": True, "address": DESK, "protocol": "maildir", "authentication": "none"}
    inbox = await workspace.inboxes.create(actor, {**form, "user_name": DESK, "directory": "desk"})
    await workspace.inboxes.save(actor, inbox, {"link_person": True, "permitted_domains": ["example.test"]})
    return tenant, inbox


async def stage(workspace: Workspace, tenant: str, inbox: str, count: int) -> None:
    """Store mails as a poll does it."""
    for number in range(count):
        sender = f"ann{number % PEOPLE}@example.test"
        raw = Message.compose(sender=sender, to=DESK, subject=f"Printer {number} is broken", text=TEXT).to_bytes()
        stored = RawMessage(id=new_id(), content=raw, size=len(raw), sha256=hashlib.sha256(raw).hexdigest())
        entry = JournalEntry(id=new_id(), direction=MailDirection.INCOMING, outcome=Outcome.RECEIVED, raw_id=stored.id)
        entry.inbox_id, entry.inbox_name = inbox, "Desk"
        for name, value in ReadMail.of(raw).columns.items():
            setattr(entry, name, value)
        async with workspace.store.write(tenant) as rows:
            await rows.add(stored, entry)
            await rows.add(IntakeEntry(journal_id=entry.id, inbox_id=inbox, state=IntakeState.QUEUED))


async def measure(owner: str, application: str, operator: str, folder: Path, count: int) -> float:
    """Return how many mails a second become incidents."""
    await migrate(owner, application=application, operator=operator)
    urls = {"database_url": application, "operator_database_url": operator, "owner_database_url": owner}
    options = urls | {"keys": os.environ["MAILPORT_KEYS"], "local_root": folder}
    async with Workspace(WorkspaceSettings.model_validate(options)) as workspace:
        tenant, inbox = await desk(workspace)
        await stage(workspace, tenant, inbox, count)
        started = time.perf_counter()
        while await waiting(workspace, tenant):
            await workspace.intake.work(tenant)
        seconds = time.perf_counter() - started
        async with workspace.store.read(tenant) as rows:
            assert all(entry.outcome is Outcome.CREATED for entry in await rows.journal(limit=count))
    return count / seconds


async def waiting(workspace: Workspace, tenant: str) -> int:
    async with workspace.store.read(tenant) as rows:
        return (await rows.queue_counts()).get("incoming", {}).get(IntakeState.QUEUED, 0)


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as path:
        url = f"sqlite+aiosqlite:///{path}/intake.db"
        embedded = asyncio.run(measure(url, url, url, Path(path), count))
        with serve_postgres() as server:
            name = server.create()
            owner, application, operator = (server.url(role, name) for role in server.roles)
            shared = asyncio.run(measure(owner, application, operator, Path(path), count))
    print(f"SQLite: {embedded:,.0f} mails/s. PostgreSQL: {shared:,.0f} mails/s, {shared / embedded:.2f} times as many.")


if __name__ == "__main__":
    os.environ.setdefault("MAILPORT_KEYS", new_key())
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
