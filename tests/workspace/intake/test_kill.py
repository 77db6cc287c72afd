"""kill -9 of a worker at every named place: each mail becomes exactly one record, and leaves its mailbox only after that."""

import asyncio
import os
import sys

import pytest

from mailport_workspace.queries.records import RecordFilter
from mailport_workspace.sealing import KeyRing, new_key
from mailport_workspace.tables import IntakeState, now
from tests.workspace.intake.conftest import DESK, mail

MAILS = 6
KEYS = new_key("first")


@pytest.fixture
def ring():
    """The ring whose keys the workers get."""
    return KeyRing.parse(KEYS)


async def _desk(post, root):
    """An inbox on a Maildir with mails of which each shall become an incident."""
    fresh = root / "desk" / "new"
    fresh.mkdir(parents=True)
    for number in range(MAILS):
        (fresh / f"{number}.one.host").write_bytes(mail(f"Mail {number}"))
    form = {"name": "Local", "enabled": True, "address": DESK, "protocol": "maildir", "directory": "desk", "user_name": DESK}
    made = await post.world.inboxes.create(post.actor, {**form, "authentication": "none"})
    person = {"link_person": True, "permitted_domains": ["customer.example.org"]}
    await post.world.inboxes.save(post.actor, made, person)
    return made


async def _run(database, root, place, after):
    """Let a worker do all there is to do; say whether it lived to the end."""
    arguments = [database.application, database.operator, str(root), place, str(after)]
    command = [sys.executable, "-m", "tests.workspace.intake.dying_worker", *arguments]
    worker = await asyncio.create_subprocess_exec(*command, env={**os.environ, "DYING_KEYS": KEYS})
    return await asyncio.wait_for(worker.wait(), 120) == 0


async def _let_time_pass(post, inbox):
    """What the dead worker held is free, and everything is due."""
    await asyncio.sleep(0.6)
    async with post.store.write(post.tenant) as rows:
        (await rows.inbox(inbox)).next_poll_at = now()
        for staged in await rows.staged_mails(state=IntakeState.QUEUED):
            staged.entry.due_at = now()


async def _count(post, root):
    """Return how many records there are, and how many messages left their mailbox."""
    async with post.store.read(post.tenant) as rows:
        records = await rows.records(RecordFilter(type="incident"))
    return len(records), len(list((root / "desk" / ".Archive").glob("[nc]*/*")))


@pytest.mark.parametrize("place", ["staged", "processed", "acknowledged"])
async def test_a_killed_worker_loses_and_doubles_nothing(post, database, tmp_path, place):  # REL-02, INB-23, QUE-07
    """Three workers die one after the other, the fourth ends the work."""
    root = tmp_path / "mail"
    inbox = await _desk(post, root)
    lived = []
    for after in (1, 2, 1, 1000):
        lived.append(await _run(database, root, place, after))
        records, filed = await _count(post, root)
        assert filed <= records
        await _let_time_pass(post, inbox)
    assert (lived[0], await _run(database, root, "nowhere", 1)) == (False, True)
    assert (await _count(post, root), await post.outcomes()) == ((MAILS, MAILS), ["created"] * MAILS)
