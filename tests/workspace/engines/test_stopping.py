"""A worker process that is asked to end while mail is under way."""

import asyncio

import pytest
from sqlalchemy import select

from mailport_workspace.tables import OutboxEntry, OutboxState
from tests.conftest import peer
from tests.workspace.test_kill import traffic  # noqa: F401 - a fixture

_MAY_BE = {OutboxState.SENT, OutboxState.QUEUED, OutboxState.UNCERTAIN}


@pytest.fixture
def smtp_sink(monkeypatch):
    """A server that thinks for a second about every mail; workers that must end do not wait for it."""
    monkeypatch.setenv("MAILPORT_DRAIN_LIMIT", "0.2")
    with peer("smtpsink").serve_smtp_sink("-w", "1") as sink:
        yield sink


async def test_a_signal_leaves_nothing_in_flight(traffic):  # noqa: F811  # REL-08
    """In the middle of sending, polling and processing: no row is held afterwards, and the next worker goes on from there."""
    await traffic.submit(40)
    traffic.receive(150)
    traffic.workers.start()
    async with asyncio.timeout(60):
        while 0 in await traffic.held_rows():  # noqa: ASYNC110 - rows cannot signal an event
            await asyncio.sleep(0.01)
    assert await asyncio.to_thread(traffic.workers.stop) == [0]
    assert await traffic.held_rows() == [0, 0, 0]
    assert await traffic.under_way() > 0
    async with traffic._connection() as connection:
        assert set(await connection.scalars(select(OutboxEntry.state))) <= _MAY_BE
    traffic.workers.start()
    await traffic.settled()
    assert await asyncio.to_thread(traffic.workers.stop) == [0]
    await traffic.check()
