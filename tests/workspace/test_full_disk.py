"""A database that cannot be written for a while, in the midst of the work of two tenants."""

import asyncio
import mailbox
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import event

from mailport import Message
from mailport_workspace.deployment.worker import Worker
from mailport_workspace.tables import IntakeState, now
from tests.workspace.api.conftest import ann, people, visit, workspace, zoe

__all__ = ["ann", "people", "visit", "workspace", "zoe"]

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
COUNT = 25
"""Mails that each tenant receives, and as many that it sends."""


class Disk:
    """What is below the database: from some transaction on it takes nothing more, until there is room again."""

    def __init__(self, store):
        self.begun, self.full_from = 0, None
        event.listen(store._engine.sync_engine, "begin", self._limit)

    @property
    def is_full(self):
        """Whether it takes nothing more."""
        return self.full_from is not None and self.begun >= self.full_from

    def fill(self, after=0):
        """Take nothing more after so many transactions."""
        self.full_from = self.begun + after

    def clear(self):
        """Make room."""
        self.full_from = None

    def _limit(self, connection):
        self.begun += 1
        pages = 1 if self.is_full else 2**30  # one stands for those that there are
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


class Office:
    """A tenant that sends into one folder and reads another."""

    def __init__(self, workspace, actor, client, folder):
        self.workspace, self.actor, self.client = workspace, actor, client
        self.name = actor.name.lower()
        self.read, self.sent = folder / f"{self.name}-in", folder / f"{self.name}-out"
        self.maildir = {"protocol": "maildir", "authentication": "none", "user_name": f"{self.name}@example.org"}

    async def open(self):
        """Set up both ways, and let mail wait in both."""
        form = self.maildir | {"directory": self.sent.name}
        saved = await self.client.put("/configuration", json=form, headers={"If-Match": "*"})
        assert saved.status_code in (200, 204), saved.text
        box = mailbox.Maildir(self.read, create=True)
        inbox = {"name": "Desk", "address": "desk@example.org", "directory": self.read.name}
        made = await self.client.post("/inboxes", json=self.maildir | inbox)
        assert made.status_code == 201, made.text
        more = {"link_person": True, "permitted_domains": ["example.org"], "enabled": True}
        changed = await self.client.patch(f"/inboxes/{made.json()['id']}", json=more, headers={"If-Match": "*"})
        assert changed.status_code == 200, changed.text
        for number in range(COUNT):
            box.add(self.message(f"In {number}").to_bytes())

    def message(self, subject):
        return Message.compose(sender="ann@example.org", to="desk@example.org", subject=subject, text=f"{subject}\n" * 1000)

    async def submit(self):
        for number in range(COUNT):
            await self.workspace.outbox.submit(self.actor.tenant, self.message(f"Out {number}"))

    async def hurry(self):
        """Let what waits be due now."""
        async with self.workspace.store.write(self.actor.tenant) as rows:
            for inbox in await rows.inboxes():
                inbox.next_poll_at = now()
            for staged in await rows.staged_mails(state=IntakeState.QUEUED, limit=100):
                staged.entry.due_at = now()
            for entry in await rows.outbox(limit=100):
                entry.due_at = min(entry.due_at, now())

    def arrived(self):
        """The subjects of what was sent."""
        return sorted(sent["subject"] for sent in mailbox.Maildir(self.sent)) if self.sent.exists() else []

    async def records(self):
        """The titles of the records."""
        async with self.workspace.store.read(self.actor.tenant) as rows:
            return sorted(entry.subject for entry in await rows.journal(limit=1000) if entry.record_id)

    async def is_done(self):
        async with self.workspace.store.read(self.actor.tenant) as rows:
            outbox = {str(entry.state) for entry in await rows.outbox(limit=1000)}
            journal = await rows.journal(limit=1000)
        is_read = len([entry for entry in journal if entry.record_id]) >= COUNT
        return outbox == {"sent"} and is_read and not list(mailbox.Maildir(self.read))


async def until(holds, seconds=60):
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - what is waited for is in a database
            await asyncio.sleep(0.1)


@asynccontextmanager
async def working(workspace):
    """Let a worker work within a block."""
    worker = Worker(workspace, tick=0.05)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        await worker.close()
        await task


@pytest.fixture
async def offices(workspace, people, tmp_path):
    """Two tenants with mail that waits on both ways."""
    made = [Office(workspace, people.actor.ann, people.ann, tmp_path / "mail")]
    made.append(Office(workspace, people.actor.zoe, people.zoe, tmp_path / "mail"))
    for office in made:
        await office.open()
        await office.submit()
    return made


@pytest.mark.parametrize("after", [0, 5, 20, 60, 100])
async def test_nothing_is_lost_or_doubled_while_the_disk_is_full(workspace, offices, caplog, after):
    """Whenever it happens, it is told with a remedy, and once there is room the work goes on by itself."""
    disk = Disk(workspace.store)
    disk.fill(after)
    async with working(workspace):
        await until(lambda: fails(disk, workspace))
        await asyncio.sleep(1)
        await told(offices)
        disk.clear()
        await until(lambda: all_done(offices))
    assert "Traceback" not in caplog.text
    for office in offices:
        assert office.arrived() == sorted(f"Out {number}" for number in range(COUNT))
        assert await office.records() == sorted(f"In {number}" for number in range(COUNT))


async def told(offices):
    """The API says what is wrong, and what helps."""
    wrong = {"code": "store.unavailable", "remedy": "Make room on it."}
    mail = {"to": ["bob@example.org"], "subject": "Large", "text": "x" * 50_000}
    for office in offices:
        refused = await office.client.post("/mails", json=mail)
        assert refused.status_code == 503, refused.text
        assert wrong.items() <= refused.json().items()
        storage = (await office.client.get("/health")).json()["storage"]
        assert storage == wrong | {"message": "The disk of the database is full."}


async def fails(disk, workspace):
    return disk.is_full and workspace.store.trouble is not None


async def all_done(offices):
    """Whether all is done; nobody waits for the next poll or attempt."""
    for office in offices:
        await office.hurry()
    return all([await office.is_done() for office in offices])
