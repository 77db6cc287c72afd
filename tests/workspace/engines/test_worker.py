"""A worker: it looks for what is due, gives signs of life, follows the plugins, and survives its database."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest

from mailport.errors import Unreachable
from mailport_workspace.deployment.chores import Chore, chores_of
from mailport_workspace.deployment.plugins import FACT
from mailport_workspace.deployment.serving import run
from mailport_workspace.deployment.worker import Worker
from mailport_workspace.sealing import new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tables import now
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.workspace import Workspace
from tests.workspace.engines.conftest import until


@pytest.fixture
async def workspace(database):
    """A workspace on that database."""
    settings = WorkspaceSettings(
        database_url=database.application, operator_database_url=database.operator, keys=new_key("first"), drain_limit=0.2
    )
    async with Workspace(settings) as workspace:
        yield workspace


class Rows:
    """One kind of job whose keys are due until they were worked on."""

    def __init__(self):
        self.due, self.done, self.failing = set(), [], False

    async def look(self, rows, at):
        if self.failing:
            raise Unreachable("The database does not answer.")
        return sorted(self.due)

    async def work(self, key):
        self.done.append(key)
        self.due.discard(key)

    @property
    def chores(self):
        return [Chore("drain", self.work, self.look)]


@asynccontextmanager
async def working(worker):
    """Let a worker work within a block."""
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        await worker.close()
        with suppress(asyncio.CancelledError):
            await task


async def test_what_is_due_is_worked_on_without_a_nudge(workspace):
    """No mail depends on what the engine remembers: the rows are looked at again and again."""
    rows = Rows()
    async with working(Worker(workspace, chores=rows.chores, tick=0.05)):
        for key in ("a", "b"):
            rows.due.add(key)
            await until(lambda: not rows.due)
    assert set(rows.done) == {"a", "b"}


async def test_a_look_that_fails_is_told_once_and_repeated(workspace, caplog):
    """An outage ends by itself: nothing must be started again, and the log is not flooded."""
    rows = Rows()
    rows.failing = True
    async with working(Worker(workspace, chores=rows.chores, tick=0.02)):
        await until(lambda: "Nothing new is begun" in caplog.text)
        await asyncio.sleep(0.2)
        rows.failing = False
        rows.due.add("a")
        await until(lambda: rows.done)
    assert caplog.text.count("Nothing new is begun") == 1
    assert caplog.text.count("The work goes on") == 1


async def test_a_worker_is_listed_while_it_lives(workspace):
    """Others see since when it works, when it was last heard of, and how late its event loop is."""

    async def workers():
        async with workspace.store.survey() as rows:
            return await rows.workers()

    worker = Worker(workspace, chores=[], tick=0.02)
    await worker.look()
    [row] = await workers()
    assert (row.id, row.beat_at >= row.started_at, row.lag >= 0) == (worker.id, True, True)
    async with working(worker):
        await asyncio.sleep(0.05)
    assert await workers() == []


async def test_a_worker_puts_right_what_began_in_the_future(workspace, caplog):
    """It says so once; a worker that died ahead of time is not taken for alive until then."""
    async with workspace.store.operate() as rows:
        await rows.beat("gone", "elsewhere", 0.0)
        (row,) = await rows.workers()
        row.beat_at += timedelta(days=1)
    worker = Worker(workspace, chores=[], tick=0.02)
    await worker.look()
    await worker.look()
    async with workspace.store.survey() as rows:
        assert all(row.beat_at <= now() for row in await rows.workers())
        assert not await rows.has_worker(now())
    assert caplog.text.count("had begun in the future") == 1


async def test_a_blocked_loop_shows_as_lag(workspace):
    """Whoever blocks the event loop is found out."""
    worker = Worker(workspace, chores=[], tick=0.02)
    async with working(worker):
        await asyncio.sleep(0.3)
        worker.lag = 0.0
        await asyncio.sleep(0.03)
        _block(0.3)
        await until(lambda: worker.lag > 0.2)


def _block(seconds):
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        pass


async def test_plugins_are_looked_for_when_somebody_asks(workspace, monkeypatch):
    """A change of the fact reaches every worker; what was there at its start is no change."""
    looked = []
    monkeypatch.setattr(workspace.mailport, "rediscover", lambda: looked.append(1))
    worker = Worker(workspace, chores=[])
    async with workspace.store.operate() as rows:
        await rows.state(FACT, {"count": 1})
    for _ in range(2):
        await worker.look()
    assert looked == []
    async with workspace.store.operate() as rows:
        await rows.state(FACT, {"count": 2})
    for _ in range(2):
        await worker.look()
    assert looked == [1]


async def test_all_rooms_have_their_jobs(workspace):
    """Every kind of job is registered, and can be asked what is due on a database with and without tenants."""
    chores = chores_of(workspace)
    assert {chore.kind for chore in chores} == {"drain", "poll", "intake", "webhooks", "connection_test", "upkeep"}
    worker = Worker(workspace, chores=chores)
    await worker.look()
    await found_tenant(workspace.store, "One")
    await worker.look()


async def test_a_signal_ends_it_cleanly(workspace):  # REL-08
    """SIGTERM: what runs is cancelled after the drain limit and can give back what it holds; nothing is in flight then."""
    held = set()

    async def work(key):
        held.add(key)
        try:
            await asyncio.sleep(60)
        finally:
            held.discard(key)

    async def due(rows, at):
        return ["a", "b"]

    running = asyncio.create_task(run(worker=Worker(workspace, chores=[Chore("drain", work, due)], tick=0.05)))
    await until(lambda: held == {"a", "b"})
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(20):
        await running
    assert held == set()
