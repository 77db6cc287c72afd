"""Outgoing mail while the clock leaps forward by a day, and back."""

import random
from datetime import timedelta

import pytest

from mailport.errors import AuthenticationFailed
from mailport_workspace.deployment.ahead import begin_what_is_ahead
from mailport_workspace.tables import OutboxState
from mailport_workspace.tenants.circuit import OUTGOING, open_circuit
from mailport_workspace.tenants.health import Condition, read_health
from tests.workspace.outbox.conftest import abandon


@pytest.fixture
def clock(clock):
    """A clock that moves by `forward` only."""
    clock.stop()
    return clock


async def put_back(desk, **by):
    """Put the clock back, and let a worker look."""
    desk.clock.forward(**{name: -value for name, value in by.items()})
    await begin_what_is_ahead(desk.world.store, desk.clock())


async def test_a_retry_waits_as_long_as_it_was_meant_to(office, mail, clock):
    """Not a day longer where the clock was ahead when the first try failed; every page shows the new moment."""
    clock.forward(days=1)
    mail.deferred.add("bob@example.test")
    submitted = await office.submit(due_at=clock() - timedelta(days=1))
    await office.drain()
    mail.deferred.clear()
    await put_back(office, days=1)
    assert 50 < ((await office.entry(submitted)).due_at - clock()).total_seconds() < 70
    assert await office.due() == []
    clock.forward(seconds=70)
    assert await office.due() == [office.actor.tenant]
    await office.drain()
    assert (await office.state(submitted), len(mail.accepted)) == ("sent", 1)


async def test_what_was_submitted_ahead_leaves_at_once(office, mail, clock):
    """It was due when it was made, and nobody asked for a later time."""
    submitted = await office.submit()
    async with office.world.store.write(office.actor.tenant) as rows:
        entry = await rows.outbox_entry(submitted.outbox_id)
        entry.due_at, entry.created_at = entry.due_at + timedelta(days=1), entry.created_at + timedelta(days=1)
    assert await office.due() == []
    await begin_what_is_ahead(office.world.store, clock())
    assert await office.due() == [office.actor.tenant]
    await office.drain()
    assert len(mail.accepted) == 1


async def test_a_time_that_a_person_named_stays(office, mail, clock):
    """Whether the mail was made before or after the leap, and also where a worker had it in hand already."""
    wished = clock() + timedelta(hours=12)
    submitted = await office.submit(due_at=wished)
    clock.forward(days=1)
    async with office.world.store.write(office.actor.tenant) as rows:
        await rows.claim("gone", clock(), 10)
        await rows.give_back("gone")
    later = await office.submit(due_at=wished)
    await put_back(office, days=1)
    assert {(await office.entry(one)).due_at for one in (submitted, later)} == {wished}
    await office.drain()
    assert len(mail.accepted) == 0
    clock.forward(hours=12)
    await office.drain()
    assert len(mail.accepted) == 2


async def test_what_a_lost_drainer_held_is_taken_over(office, mail, clock):
    """Its lease ends as if it had begun now; what was about to be handed over is looked for, and sent once."""
    clock.forward(days=1)
    submitted = await office.submit(due_at=clock())
    await abandon(office, submitted)
    await put_back(office, days=1)
    assert await office.due() == []
    clock.forward(seconds=6)
    assert await office.due() == [office.actor.tenant]
    for _ in range(6):
        await office.drain()
        clock.forward(minutes=11)
    assert (await office.state(submitted), len(mail.accepted)) == ("sent", 1)


async def test_a_look_for_an_uncertain_mail_does_not_wait_a_day(office, mail, clock):
    """The next look comes when it was meant to."""
    submitted = await office.submit(due_at=clock())
    await abandon(office, submitted)
    clock.forward(days=1)
    await office.drain()
    assert await office.state(submitted) == "uncertain"
    await put_back(office, days=1)
    assert 0 < ((await office.entry(submitted)).due_at - clock()).total_seconds() <= 5
    clock.forward(seconds=5)
    await office.drain()
    assert (await office.entry(submitted)).lookups == 1


async def test_a_pause_that_a_server_asked_for_does_not_become_a_day(office, mail, clock):
    """It lasts as long as the server said, and health says so."""
    clock.forward(days=1)
    mail.faults.throttle = 30.0
    submitted = await office.submit(due_at=clock())
    await office.drain()
    mail.faults.throttle = None
    await put_back(office, days=1)
    assert (await office.account()).wait_until == clock() + timedelta(seconds=30)
    async with office.world.store.read(office.actor.tenant) as rows:
        assert (await read_health(rows, clock())).outgoing.condition is Condition.WARNING
    clock.forward(seconds=30)
    assert await office.due() == [office.actor.tenant]
    await office.drain()
    assert (await office.state(submitted), len(mail.accepted)) == ("sent", 1)


@pytest.mark.parametrize("refusal", ["settings.egress", "authentication.refused"])
async def test_an_open_circuit_is_closed_as_before(office, mail, clock, refusal):
    """Refused settings are looked at again after five minutes, not after a day; a refused password waits for a person."""
    clock.forward(days=1)
    submitted = await office.submit(due_at=clock() - timedelta(days=1))
    async with office.world.store.write(office.actor.tenant) as rows:
        version = (await rows.configuration()).version
        pause = 300.0 if refusal == "settings.egress" else None
        error = AuthenticationFailed("No.", code=refusal)
        await open_circuit(rows, OUTGOING, error, version=version, moment=clock(), pause=pause)
    await put_back(office, days=1)
    clock.forward(seconds=299)
    assert await office.due() == []
    clock.forward(seconds=1)
    assert bool(await office.due()) is (pause is not None)
    await office.drain()
    assert await office.state(submitted) == ("sent" if pause else "queued")


@pytest.mark.parametrize("seed", range(3))
async def test_no_leap_loses_or_doubles_a_mail(office, mail, clock, seed):
    """Whenever the clock leaps by a day, each mail is sent once, as soon as the server takes it."""
    chance = random.Random(seed)
    mail.deferred.add("bob@example.test")
    submitted = [await office.submit(subject=str(number), due_at=clock()) for number in range(5)]
    for _ in range(8):
        clock.forward(days=chance.choice([-1, 0, 1]), minutes=chance.randint(0, 5))
        await begin_what_is_ahead(office.world.store, clock())
        await office.drain()
    mail.deferred.clear()
    clock.forward(days=-2)
    await begin_what_is_ahead(office.world.store, clock())
    for _ in range(3):
        clock.forward(minutes=70)
        await office.drain()
    assert {await office.state(one) for one in submitted} == {OutboxState.SENT}
    assert len(mail.accepted) == 5


async def test_two_clocks_that_differ_shorten_no_wait(office, mail, clock):
    """A machine that is an hour ahead fails, one that is right looks: the mail is tried again after its wait, not at once."""
    mail.deferred.add("bob@example.test")
    submitted = await office.submit(due_at=clock())
    for attempt in range(1, 4):
        clock.forward(hours=1)
        await office.drain()
        await put_back(office, hours=1)
        assert ((await office.entry(submitted)).due_at - clock()).total_seconds() > 50
        assert (await office.entry(submitted)).attempts == attempt
        clock.forward(minutes=6)
