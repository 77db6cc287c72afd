"""`kill -9`: workers die at every named point and at random moments, the database too; no mail is lost, none is doubled.

Tenant `one` sends into a Maildir, where a mail without an answer is looked up, and `two` to an SMTP server, where it cannot be:
there it is held for a person. Mail comes in for `one`.
"""

import asyncio
import os
import random
import secrets
from collections import Counter
from email import message_from_bytes

import pytest
from sqlalchemy import func, select, text, update

from mailport import Message
from mailport.errors import MailportError
from mailport_workspace.database import WRITING, make_engine
from mailport_workspace.outbox.enqueue import Wish
from mailport_workspace.sealing import new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tables import (
    AccountState,
    FinishState,
    Inbox,
    IntakeEntry,
    IntakeState,
    JournalEntry,
    OutboxEntry,
    OutboxState,
    Record,
    now,
)
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.workspace import Workspace
from tests.conftest import peer

POINTS = ("claimed", "sending-committed", "answered", "result-committed", "staged", "processed", "acknowledged")
DESK = "desk@example.test"
KILLS = int(os.environ.get("MAILPORT_TEST_KILLS", "45"))
"""Deaths in each of the three slow tests, with the other tests of deaths about 200; five times as many mails go each way."""


class Traffic:
    """Two tenants whose mail is under way while workers die, and what became of each mail in the end."""

    def __init__(self, workspace, workers, database, mail, sink):
        self.workspace, self.workers, self._mail, self._sink = workspace, workers, mail, sink
        self._engine = make_engine(database.operator, pool_pre_ping=True)
        self.sent = {}  # by tenant: Message-IDs of what was accepted
        self.came = []  # subjects of what was put into the mailbox

    async def close(self):
        await self._engine.dispose()

    async def found(self):
        """Make the tenants."""
        store = self.workspace.store
        self.one, self.two = [await found_tenant(store, name) for name in ("One", "Two")]
        maildir = {"protocol": "maildir", "authentication": "none", "user_name": DESK}
        smtp = {"protocol": "smtp", "authentication": "none", "use_ssl_tls": "none", "user_name": DESK}
        smtp |= {"host": self._sink.host, "port": self._sink.port}
        for tenant, form in ((self.one, {**maildir, "directory": "out"}), (self.two, smtp)):
            await self.workspace.configurations.save(Actor.operator(tenant), form)
        inbox = {"name": "Desk", "address": DESK, "enabled": True, **maildir, "directory": "in"}
        for part in ("new", "cur", "tmp"):
            (self._mail / "in" / part).mkdir(parents=True)
        desk = await self.workspace.inboxes.create(Actor.operator(self.one), inbox)
        await self.workspace.inboxes.save(Actor.operator(self.one), desk, {"link_person": True})

    async def submit(self, count):
        """Accept so many mails of each tenant."""
        for tenant in (self.one, self.two):
            for _ in range(count):
                message = Message.compose(sender=DESK, to="ann@example.test", subject="Answer", text="Done.\n")
                await self._accept(tenant, message)
                self.sent.setdefault(tenant, []).append(message.message_id)

    async def _accept(self, tenant, message):
        """Submit until it is accepted, as a program does whose database is away now and then."""
        async with asyncio.timeout(120):
            while True:
                try:
                    return await self.workspace.outbox.submit(tenant, message, Wish(idempotency_key=message.message_id))
                except MailportError:
                    await asyncio.sleep(0.1)

    def receive(self, count):
        """Put so many mails into the mailbox."""
        for _ in range(count):
            name = secrets.token_hex(8)
            mail = (
                f"From: ann@example.test\r\nTo: {DESK}\r\nSubject: {name}\r\nMessage-ID: <{name}@example.test>\r\n\r\nHelp\r\n"
            )
            (self._mail / "in" / "tmp" / name).write_text(mail)
            (self._mail / "in" / "tmp" / name).rename(self._mail / "in" / "new" / name)
            self.came.append(name)

    async def hurry(self):
        """Let nothing wait for its time: polls, looks for uncertain mail, tries after a failure."""
        moment = now()
        async with self._connection() as connection:
            waits = OutboxEntry.state.in_([OutboxState.UNCERTAIN, OutboxState.QUEUED])
            await connection.execute(update(OutboxEntry).where(waits, OutboxEntry.due_at > moment).values(due_at=moment))
            await connection.execute(
                update(Inbox).where(Inbox.enabled, Inbox.next_poll_at > moment).values(next_poll_at=moment)
            )
            is_queued = IntakeEntry.state == IntakeState.QUEUED
            await connection.execute(update(IntakeEntry).where(is_queued, IntakeEntry.due_at > moment).values(due_at=moment))
            await connection.execute(update(AccountState).values(wait_until=None))

    async def settled(self, patience=180.0):
        """Wait until everything has come to its end, and what the dead held was taken over."""
        async with asyncio.timeout(patience):
            while await self.under_way() or any(await self.held_rows()):
                await self.hurry()
                await asyncio.sleep(0.3)

    async def under_way(self):
        """How many mails have not come to their end."""
        ended = OutboxEntry.state.in_([OutboxState.SENT, OutboxState.HELD])
        going, coming = select(func.count()).where(~ended), select(func.count()).where(IntakeEntry.finish == FinishState.DONE)
        async with self._connection() as connection:
            out, done = await connection.scalar(going), await connection.scalar(coming)
        return out + len(self.came) - done

    async def held_rows(self):
        """How many rows somebody still holds."""
        leased = [select(func.count()).where(table.lease.is_not(None)) for table in (Inbox, IntakeEntry)]
        leased.append(select(func.count()).where(OutboxEntry.state.in_([OutboxState.CLAIMED, OutboxState.SENDING])))
        async with self._connection() as connection:
            return [await connection.scalar(query) for query in leased]

    async def check(self):
        """Nothing is lost, no record is there twice, and what was sent twice does not exist."""
        async with self._connection() as connection:
            states = (await connection.execute(_STATES)).all()
            titles = Counter(await connection.scalars(select(Record.title)))
        assert titles == Counter(self.came)
        assert Counter(path.read_bytes() for path in self._files("in")).most_common(1)[0][1] == 1
        assert len(self._files("in")) == len(self.came)
        arrived = {self.one: _ids(path.read_bytes() for path in self._files("out")), self.two: _ids(self._sink.messages())}
        for tenant, accepted in self.sent.items():
            state = {row.message_id: row.state for row in states if row.tenant_id == tenant}
            assert set(state) == set(accepted)
            assert set(arrived[tenant].values()) <= {1}
            assert [one for one in accepted if state[one] == OutboxState.SENT and not arrived[tenant][one]] == []
            assert tenant == self.two or set(state.values()) == {OutboxState.SENT}

    def _files(self, directory):
        return [path for path in (self._mail / directory).rglob("*") if path.parent.name in ("new", "cur") and path.is_file()]

    def _connection(self):
        return _Acting(self._engine)


_STATES = select(OutboxEntry.tenant_id, JournalEntry.message_id, OutboxEntry.state).join(
    JournalEntry, JournalEntry.id == OutboxEntry.journal_id
)


class _Acting:
    """A transaction across all tenants."""

    def __init__(self, engine):
        self._begun = engine.execution_options(**{WRITING: True}).begin()

    async def __aenter__(self):
        connection = await self._begun.__aenter__()
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SELECT set_config('app.tenant', '*', true)"))
        return connection

    async def __aexit__(self, *error):
        return await self._begun.__aexit__(*error)


def _ids(contents):
    return Counter(message_from_bytes(content)["Message-ID"] for content in contents)


@pytest.fixture
async def traffic(database, tmp_path, smtp_sink):
    """The traffic, without any worker yet."""
    (tmp_path / "mail").mkdir()
    environment = {
        "MAILPORT_DATABASE_URL": database.application,
        "MAILPORT_OPERATOR_DATABASE_URL": database.operator,
        "MAILPORT_KEYS": new_key("first"),
        "MAILPORT_LOCAL_ROOT": str(tmp_path / "mail"),
        "MAILPORT_EGRESS_ALLOWED": "127.0.0.1",
        "MAILPORT_WORKER_TIMEOUT": "3",
    }
    options = {name.removeprefix("MAILPORT_").lower(): value for name, value in environment.items()}
    workers = peer("worker_process").Workers(environment, tmp_path / "workers.log")
    try:
        async with Workspace(WorkspaceSettings(**options)) as workspace:
            traffic = Traffic(workspace, workers, database, tmp_path / "mail", smtp_sink)
            await traffic.found()
            yield traffic
            await traffic.close()
    finally:
        await asyncio.to_thread(workers.close)


async def deaths_at(traffic, points):
    """Let a worker die at each of the points, with new mail each time, and one bring everything to its end."""
    for point in points:
        await traffic.submit(4)
        traffic.receive(4)
        await traffic.hurry()
        doomed = traffic.workers.start(point, 2)
        await asyncio.to_thread(traffic.workers.wait_for_crash, doomed)
    traffic.workers.start()
    await traffic.settled()
    assert await asyncio.to_thread(traffic.workers.stop) == [0]
    assert (traffic.workers.kills, await traffic.held_rows()) == (len(points), [0, 0, 0])
    await traffic.check()


async def test_deaths_where_they_hurt_most(traffic):
    """Handed over and not noted; processed and not filed: the next worker finds out, and the last one ends cleanly."""
    await deaths_at(traffic, ("answered", "processed"))


@pytest.mark.slow
async def test_a_death_at_every_named_point(traffic):
    """Each worker dies at another point of the ways of mail."""
    await deaths_at(traffic, POINTS)


async def kills(traffic, count, mails, disturb=None):
    """Kill so many workers at random moments and points while mail goes each way; `disturb` acts now and then."""
    workers, portion = traffic.workers, mails // 10
    at_once = 1 if traffic.workspace.settings.is_embedded else 2
    while workers.kills < count:
        if len(traffic.came) <= mails * workers.kills // count:
            await traffic.submit(portion // 2)
            traffic.receive(portion)
        while workers.alive < at_once:
            workers.start(random.choice(POINTS), random.randint(1, 60))
        await traffic.hurry()
        await asyncio.to_thread(workers.kill_one, random.uniform(0.0, 1.2) / at_once)
        if disturb is not None and workers.kills % 20 == 0:
            await asyncio.to_thread(disturb)
    await asyncio.to_thread(workers.end)
    workers.start()
    await traffic.settled(patience=900)
    assert await asyncio.to_thread(workers.stop) == [0]
    assert await traffic.held_rows() == [0, 0, 0]
    await traffic.check()


@pytest.mark.slow
async def test_deaths_of_workers(traffic):  # REL-01 REL-02
    """While mails go each way, workers die all the time: none is lost, none is doubled without anybody being told."""
    await kills(traffic, KILLS, 5 * KILLS)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_deaths_of_workers_and_of_the_database(traffic, postgres):  # REL-01 REL-02
    """The same with a database that is stopped at once and started again, every twenty deaths."""

    def restart():
        postgres.crash()
        postgres.start()

    await kills(traffic, KILLS, 5 * KILLS, restart)
