"""Polling: what is due, once at a time, each inbox on its own, by settings that are read anew."""

import asyncio
import logging
from datetime import timedelta

import pytest

from mailport_workspace.processing.process import Processing
from mailport_workspace.records.embedded import EmbeddedRecords
from mailport_workspace.tables import Tab
from mailport_workspace.tenants.tabs import Tabs
from tests.workspace.intake.conftest import DESK, mail, until

OTHER = "sales@example.test"


async def test_a_message_is_stored_processed_and_filed_in_one_poll(post):  # INB-17
    """It becomes what processing makes of it, and lies in the archive folder, which was missing before."""
    inbox = await post.inbox()
    post.box().add(mail("Printer"))
    await post.poll()
    assert (await post.outcomes(), post.clerk.seen) == (["created"], ["Printer"])
    assert (post.subjects(), post.subjects("Archive")) == ([], ["Printer"])
    assert post.places == ["staged", "processed", "acknowledged"]
    assert (await post.row(inbox)).backlog == 0


@pytest.mark.parametrize(
    ("action", "folder", "inbox", "seen"),
    [("move", "Filed/2026", 0, False), ("mark_read", "", 1, True), ("delete", "", 0, False), ("leave", "", 1, False)],
)
async def test_what_happens_to_a_message_is_chosen_for_each_inbox(post, action, folder, inbox, seen):  # INB-18
    """It is moved to the chosen folder, marked as read, deleted, or left as it is."""
    await post.inbox(post_processing=action, archive_folder=folder or "Archive")
    post.box().add(mail("Printer"))
    await post.poll()
    assert [message.seen for message in post.box().mails()] == [seen] * inbox
    assert post.subjects(folder) == (["Printer"] if folder else [])


async def test_inboxes_work_side_by_side(post, caplog):  # INB-05
    """One whose password is wrong, and one whose plugin fails, stop no other."""
    wrong, broken = await post.inbox("wrong@example.test"), await post.inbox("broken@example.test")
    fine = [await post.inbox(f"desk{number}@example.test") for number in range(3)]
    post.system.passwords["wrong@example.test"] = "another"
    async with post.store.write(post.tenant) as rows:
        (await rows.inbox(broken)).values = {"protocol": "uninstalled"}
    for number in range(3):
        post.box(f"desk{number}@example.test").add(mail(f"Mail {number}"))
    with caplog.at_level(logging.CRITICAL):
        await post.poll()
    assert await post.outcomes() == ["created"] * 3
    rows = [await post.row(inbox) for inbox in (wrong, broken, *fine)]
    assert [row.last_error_code.partition(".")[0] for row in rows] == ["authentication", "settings", "", "", ""]


async def test_a_slow_inbox_delays_no_other(post):
    """While one mailbox does not answer, those of the same shard that are due, or become due, are read."""
    slow, fast = await post.inbox("slow@example.test"), await post.inbox(DESK)
    async with post.store.write(post.tenant) as rows:
        for inbox in (slow, fast):
            (await rows.inbox(inbox)).shard = 3
    answered = asyncio.Event()
    post.clerk.does["Slow"] = lambda _received: answered.wait()
    post.box("slow@example.test").add(mail("Slow"))
    polling = asyncio.create_task(post.poller.poll_shard("3"))
    await until(lambda: post.has_seen("Slow"))
    post.box().add(mail("Fast"))
    post.clock.forward(seconds=50)  # not yet an interval since the first poll, and less than a lease
    async with post.store.write(post.tenant) as rows:
        (await rows.inbox(fast)).next_poll_at = post.clock()
    await until(lambda: post.has_seen("Fast"))
    answered.set()
    await polling
    assert post.subjects("Archive", "slow@example.test") == ["Slow"]


async def test_silent_inboxes_of_one_tenant_leave_room_for_others(post):
    """Of the places of a shard a tenant gets some: its silent servers keep nobody else waiting."""
    silent = [await post.inbox(f"silent{number}@example.test") for number in range(6)]
    fine = await post.inbox(OTHER, actor=post.world.two)
    for actor, inboxes in ((post.actor, silent), (post.world.two, [fine])):
        async with post.store.write(actor.tenant) as rows:
            for inbox in inboxes:
                (await rows.inbox(inbox)).shard = 3
    answered, poller = asyncio.Event(), post.worker(at_once=4, per_tenant=2)[1]
    post.clerk.does["Slow"] = lambda _received: answered.wait()
    for number in range(6):
        post.box(f"silent{number}@example.test").add(mail("Slow"))
    post.box(OTHER).add(mail("Fine"))
    polling = asyncio.create_task(poller.poll_shard("3"))
    await until(lambda: post.has_seen("Fine"))
    await asyncio.sleep(1.2)  # one more look
    assert post.clerk.seen.count("Slow") == 2
    answered.set()
    await polling
    assert post.clerk.seen.count("Slow") == 6


async def test_a_clock_that_is_put_back_stops_no_inbox(post):
    """What was polled, claimed or saved in the future is due now."""
    polled, claimed, saved = [await post.inbox(f"{name}@example.test") for name in ("polled", "claimed", "saved")]
    post.clock.forward(hours=2)
    async with post.store.write(post.tenant) as rows:
        for inbox, values in {
            polled: {"last_poll_at": post.clock(), "next_poll_at": post.clock() + timedelta(seconds=60)},
            claimed: {"lease": "gone", "leased_until": post.clock() + timedelta(seconds=60)},
            saved: {"next_poll_at": post.clock()},
        }.items():
            row = await rows.inbox(inbox)
            for name, value in values.items():
                setattr(row, name, value)
    post.clock.forward(hours=-2)
    await post.poll()
    rows = [await post.row(inbox) for inbox in (polled, claimed, saved)]
    assert all(
        row.last_success_at and row.lease is None and row.next_poll_at < post.clock() + timedelta(seconds=60) for row in rows
    )
    await post.poll()
    assert len(post.system.connections) == 3


async def test_an_inbox_is_never_polled_twice_at_a_time(post):
    """Four workers look for what is due at once: each mailbox is opened once."""
    for number in range(10):
        await post.inbox(f"desk{number}@example.test")
        post.box(f"desk{number}@example.test").add(mail(f"Mail {number}"))
    await asyncio.gather(*(post.poll(post.worker()[1]) for _ in range(4)))
    assert len(post.system.connections) == 10
    assert sorted(post.clerk.seen) == [f"Mail {number}" for number in range(10)]


async def test_who_lost_the_inbox_writes_nothing_more_about_it(post):
    """A worker that was silent for longer than its lease finds another at its work: how its own poll went does not count."""
    inbox = await post.inbox()
    post.box().add(mail("First"))

    async def overtaken(_received):
        post.clock.forward(seconds=120)
        post.box().add(mail("Second"))
        await post.poll(post.worker()[1])

    post.clerk.does["First"] = overtaken
    begun = post.clock()
    await post.poll()
    assert (await post.outcomes(), sorted(post.clerk.seen)) == (["created", "created"], ["First", "Second"])
    assert (await post.row(inbox)).last_poll_at - begun > timedelta(seconds=100)


async def test_a_disabled_or_deleted_inbox_is_not_read(post):  # CMP-03, INB-24
    """Its mailbox is not even opened until an administrator enables it; what came from a deleted one stays."""
    inbox = await post.inbox()
    post.box().add(mail("Before"))
    await post.poll()
    await post.world.inboxes.save(post.actor, inbox, {"enabled": False})
    post.box().add(mail("After"))
    await post.poll()
    assert (len(post.system.connections), post.subjects()) == (1, ["After"])
    await post.world.inboxes.save(post.actor, inbox, {"enabled": True})
    await post.poll()
    await post.world.inboxes.remove(post.actor, inbox)
    post.box().add(mail("Deleted"))
    await post.poll()
    assert (len(post.system.connections), await post.outcomes()) == (2, ["created", "created"])


async def test_another_component_type_ends_the_reading(post):  # CMP-02
    """The tenant's inboxes are not opened any more, those of others are."""
    await post.inbox()
    await post.inbox(OTHER, actor=post.world.two)
    await post.world.configurations.save(post.actor, {"email_component_type": "basic"})
    await post.poll()
    assert [connection.user for connection in post.system.connections] == [OTHER]


class Interrupted:
    """Real processing; while it has the first mail, somebody adds a row to a tab."""

    def __init__(self, post):
        records = EmbeddedRecords(post.store)
        self.tabs, self.actor = Tabs(post.store, records), post.actor
        self.processing = Processing(post.store, post.mailport, post.world.ring, records)
        self.failed, self.is_first = self.processing.failed, True

    async def process(self, received, settle):
        if self.is_first:
            self.is_first = False
            await self.processing.process(received, settle)
            await self.tabs.add(self.actor, Tab.IGNORED_SUBJECTS, "Newsletter *")
        else:
            await self.processing.process(received, settle)


async def test_a_row_of_a_tab_counts_from_the_next_poll_on(post):  # CFG-04, MAT-03
    """Not for mails of the poll in progress, also where they are processed in a later batch."""
    await post.queues.save(post.actor, {"queue": "incoming", "batch_size": 2})
    await post.inbox()
    poller = post.worker(clerk=Interrupted(post))[1]
    for number in range(5):
        post.box().add(mail(f"Newsletter {number}"))
    await post.poll(poller)
    assert await post.outcomes() == ["quarantined"] * 5
    post.box().add(mail("Newsletter 5"))
    post.clock.forward(seconds=61)
    await post.poll(poller)
    assert (await post.journal())["Newsletter 5"].outcome == "ignored"


async def test_a_change_counts_from_the_next_poll_on(post):  # CFG-04, CFG-05
    """What is saved while a poll is under way changes nothing for it, and everything for the next; nothing is restarted."""
    inbox = await post.inbox()
    post.box().add(mail("First"))
    post.box().add(mail("Second"))
    post.box().add(mail("Third"), folder="Support")

    async def save(_received):
        changes = {"archive_folder": "Done", "protocol": "memory", "user_name": DESK, "folder": "Support"}
        await post.world.inboxes.save(post.actor, inbox, {**changes, "password": post.system.passwords[DESK]})

    post.clerk.does["First"] = save
    await post.poll()
    assert (post.subjects("Archive"), post.subjects("Done"), post.subjects("Support")) == (["First", "Second"], [], ["Third"])
    await post.poll()
    assert (post.subjects("Done"), post.subjects("Support")) == (["Third"], [])


async def test_the_interval_of_the_tenant_decides_when_an_inbox_is_due(post):
    """It is due when the interval is over, at most a twentieth of it earlier, so that inboxes do not march in step."""
    inbox = await post.inbox()
    await post.world.configurations.save(post.actor, {"poll_interval": 100})
    await post.poll()
    row = await post.row(inbox)
    assert 95 <= (row.next_poll_at - row.last_poll_at).total_seconds() <= 100
    post.clock.forward(seconds=94)
    assert await post.due() == []
    post.clock.forward(seconds=6)
    assert len(await post.due()) == 1


async def test_more_than_one_poll_stores_is_fetched_at_once(post, monkeypatch):
    """A mailbox with many messages is read in rounds that follow one another without waiting for the interval."""
    monkeypatch.setattr("mailport_workspace.intake.stage.STAGED_AT_ONCE", 5)
    monkeypatch.setattr("mailport_workspace.intake.visit.STAGED_AT_ONCE", 5)
    await post.inbox()
    for number in range(12):
        post.box().add(mail(f"Mail {number}"))
    rounds = 0
    while rounds < 9 and await post.due():
        await post.poll()
        rounds += 1
    assert (rounds, await post.outcomes()) == (3, ["created"] * 12)


async def test_a_stopped_worker_gives_back_what_it_holds(post):
    """Its inboxes and mails are free at once: nobody waits for a lease to run out."""
    inbox = await post.inbox()
    post.box().add(mail("Printer"))
    post.clerk.does["Printer"] = lambda _received: asyncio.Event().wait()
    polling = asyncio.create_task(post.poll())
    await until(lambda: post.has_seen("Printer"))
    polling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await polling
    (entry,) = (await post.entries()).values()
    assert ((await post.row(inbox)).lease, entry.lease, entry.state, entry.attempts) == (None, None, "queued", 0)
