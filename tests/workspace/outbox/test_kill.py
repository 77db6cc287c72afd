"""Workers that are killed at every stage: nothing is lost, and nothing is sent twice unnoticed."""

import asyncio
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from mailport_workspace.tables import OutboxState
from tests.workspace.outbox.conftest import smtp

WORKER = Path(__file__).parent / "dying_worker.py"
KILLS = [("claimed", 1), ("claimed", 2), ("sending-committed", 1), ("sending-committed", 2), ("answered", 1), ("answered", 7)]
KILLS += [("result-committed", 1), ("result-committed", 2)]


async def run_worker(database, ring_text, tenant, stage, count):
    """Run a worker until it ends or kills itself; its exit code."""
    environment = os.environ | {
        "MAILPORT_DATABASE_URL": database.application,
        "MAILPORT_OPERATOR_DATABASE_URL": database.operator,
        "MAILPORT_KEYS": ring_text,
        "MAILPORT_EGRESS_PUBLIC_ONLY": "false",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, WORKER, tenant, stage, str(count), env=environment)
    return await asyncio.wait_for(process.wait(), 120)


@pytest.mark.slow
async def test_killed_workers_lose_and_double_nothing(desk, database, ring_text, smtp_sink):  # REL-01
    """Each accepted mail is sent once, or shown as waiting for a person; whatever a worker was doing when it was killed."""
    await desk.configure(**smtp(smtp_sink.host, smtp_sink.port))
    submitted = [await desk.submit(subject=f"Mail {number}") for number in range(200)]
    for stage, count in KILLS:
        assert await run_worker(database, ring_text, desk.actor.tenant, stage, count) == -9
    for _ in range(3):
        await desk.drain()
        desk.clock.forward(seconds=10)
    states = Counter([(await desk.entry(one)).state for one in submitted])
    assert set(states) == {OutboxState.SENT, OutboxState.HELD}
    assert states[OutboxState.HELD] <= 20 * len(KILLS)
    subjects = Counter(line for mail in smtp_sink.messages() for line in mail.splitlines() if line.startswith(b"Subject: "))
    assert set(subjects.values()) == {1}
    sent = [one for one in submitted if (await desk.entry(one)).state is OutboxState.SENT]
    assert len(sent) <= len(subjects) <= len(submitted)
