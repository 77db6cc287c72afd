"""Mail that was handed over without an answer, and what a lost worker leaves behind: never sent again blindly."""

import asyncio

import pytest

from mailport import Message
from mailport_workspace.tables import OutboxState
from tests.workspace.outbox.conftest import abandon, in_memory


async def handed_over(desk, submitted):
    """Send a mail behind the outbox's back, as the killed worker had done."""
    account = await desk.world.configurations.account(desk.actor.tenant)
    async with desk.world.store.read(desk.actor.tenant) as rows:
        journal = await rows.journal_entry(submitted.journal_id)
        content = await rows.raw_content(journal.raw_id)
    await desk.mailport.submit(Message.read(content), account)


async def test_a_lost_answer_is_looked_up(office, mail, clock):
    """The connection ends after the hand-over: the mail is uncertain, is found, and counts as sent; it left once."""
    mail.faults.cut_after_handover = True
    submitted = await office.submit()
    await office.drain()
    assert await office.state(submitted) == "uncertain"
    mail.faults.cut_after_handover = False
    clock.forward(seconds=6)
    assert await office.due() == [office.actor.tenant]
    await office.drain()
    journal = await office.journal(submitted)
    assert (await office.state(submitted), journal.sent, journal.last_error) == ("sent", True, "")
    assert len(mail.accepted) == 1


async def test_what_was_begun_is_looked_up_after_a_crash(desk, clock, tmp_path):  # SND-28
    """Found, it is marked sent; missing for long, it is sent again under its Message-ID; each is delivered once."""
    (tmp_path / "out").mkdir()
    await desk.configure(protocol="maildir", authentication="none", directory="out", user_name="desk@example.test")
    there, missing = await desk.submit(subject="there"), await desk.submit(subject="missing")
    await abandon(desk, there, missing)
    await handed_over(desk, there)
    await desk.drain()
    assert [await desk.state(one) for one in (there, missing)] == ["uncertain", "uncertain"]
    looks = 0
    while await desk.state(missing) != "sent" and looks < 9:
        clock.forward(minutes=15)
        await desk.drain()
        looks += 1
        assert await desk.state(there) == "sent"
    assert looks == 4
    files = [path.read_bytes() for path in tmp_path.glob("out/*/*")]
    assert sorted(line for file in files for line in file.splitlines() if line.startswith(b"Subject")) == [
        b"Subject: missing",
        b"Subject: there",
    ]
    assert (await desk.journal(missing)).message_id.encode() in b"".join(files)


@pytest.mark.parametrize(("rule", "state", "copies"), [("hold", "held", 1), ("resend", "sent", 2)])
async def test_the_account_decides_where_nobody_can_tell(world, mail, clock, rule, state, copies):
    """Without a look-up the account's rule counts: hold for a person, or send again with the same Message-ID."""
    async with in_memory(world, mail, clock, lookup=False) as office:
        await office.configure(uncertain_action=rule)
        mail.faults.cut_after_handover = True
        submitted = await office.submit()
        await office.drain()
        mail.faults.cut_after_handover = False
        clock.forward(seconds=6)
        await office.drain()
        assert await office.state(submitted) == state
        assert len(mail.accepted) == copies
        message_id = (await office.journal(submitted)).message_id.encode()
        assert all(message_id in one.raw for one in mail.accepted)


async def test_an_earlier_copy_proves_nothing(office, mail, clock):  # SND-28
    """The mail system has what was sent before under the same Message-ID: of a resend without an answer a person decides."""
    submitted = await office.submit()
    await office.drain()
    again = await office.outbox.resend(office.actor, submitted.outbox_id)
    await abandon(office, again)
    await office.drain()
    clock.forward(seconds=6)
    await office.drain()
    assert (await office.state(again), len(mail.accepted)) == ("held", 1)


async def test_a_look_that_fails_is_made_later(office, mail, clock):
    """While the mail system is away nobody decides anything."""
    mail.faults.cut_after_handover = True
    submitted = await office.submit()
    await office.drain()
    mail.faults.cut_after_handover, mail.faults.throttle = False, 9.0
    clock.forward(seconds=6)
    await office.drain()
    assert (await office.state(submitted), (await office.entry(submitted)).lookups) == ("uncertain", 0)
    mail.faults.throttle = None
    clock.forward(minutes=2)
    await office.drain()
    assert await office.state(submitted) == "sent"


async def test_what_was_only_claimed_is_queued_again(office, mail):
    """A mail that a lost worker had not begun is sent as if nothing had happened."""
    submitted = await office.submit()
    async with office.world.store.write(office.actor.tenant) as rows:
        await rows.claim("gone", office.clock(), 20)
    await office.drain()
    assert (await office.state(submitted), len(mail.accepted)) == ("sent", 1)


async def test_a_mail_left_behind_is_due(office, clock):
    """What a lost worker holds is found by every worker's look, without a nudge."""
    await abandon(office, await office.submit())
    assert await office.due() == []
    clock.forward(seconds=6)
    assert await office.due() == [office.actor.tenant]


async def test_a_drainer_without_its_lease_stops(world, mail, clock):
    """Of two drainers the one whose lease was taken writes nothing any more, and hands nothing more over."""
    begun = asyncio.Event()
    async with in_memory(world, mail, clock, reached=lambda stage: stage == "sending-committed" and begun.set()) as office:
        submitted = [await office.submit(subject=str(number)) for number in range(30)]
        with mail.answers.held():
            first = asyncio.create_task(office.drain())
            await asyncio.wait_for(begun.wait(), 20)
            async with world.store.write(office.actor.tenant) as rows:
                taken = await rows.take_over("another", clock())
        await first
        assert [await office.state(one) for one in submitted[: len(taken)]] == ["sending"] * len(taken)
        assert len(mail.accepted) <= len(taken)


async def test_stopping_gives_everything_back(world, mail, clock):
    """A drainer that is cancelled leaves nothing under its lease: what was begun is uncertain, the rest is queued."""
    begun = asyncio.Event()
    async with in_memory(world, mail, clock, reached=lambda stage: stage == "sending-committed" and begun.set()) as office:
        submitted = [await office.submit(subject=str(number)) for number in range(30)]
        with mail.answers.held():
            work = asyncio.create_task(office.drain())
            await asyncio.wait_for(begun.wait(), 20)
            work.cancel()
            await asyncio.wait([work])
        entries = [await office.entry(one) for one in submitted]
        assert {entry.lease for entry in entries} == {None}
        assert {entry.state for entry in entries} == {OutboxState.UNCERTAIN, OutboxState.QUEUED}
