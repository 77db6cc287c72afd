"""The rate limit of an account."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailport_workspace.outbox.rate import RateLimit, rate_limit_of
from mailport_workspace.tenants.options import Options
from tests.workspace.outbox.conftest import in_memory

START = datetime(2026, 1, 1, tzinfo=UTC)


@settings(deadline=None)
@given(per_minute=st.integers(1, 1000), pauses=st.lists(st.floats(0, 90), min_size=1, max_size=300))
def test_no_minute_has_more_than_the_limit(per_minute, pauses):
    """Whenever one asks, no minute lets more messages through than the limit."""
    limit, arrival, moment, left = RateLimit(per_minute), None, START, []
    for pause in pauses:
        moment += timedelta(seconds=pause)
        room = limit.room(arrival, moment)
        left += [moment] * room
        arrival = limit.advanced(arrival, moment, room) if room else arrival
    for first in range(len(left)):
        within = sum(one < left[first] + timedelta(seconds=60) for one in left[first:])
        assert within <= per_minute


@settings(max_examples=20, deadline=None)
@given(per_minute=st.integers(1, 300))
def test_the_limit_is_used_up(per_minute):
    """Who asks whenever there is room gets nearly the whole limit in every minute."""
    limit, arrival, moment, count = RateLimit(per_minute), None, START, 0
    while moment < START + timedelta(minutes=5):
        room = limit.room(arrival, moment)
        assert room >= 1
        count, arrival = count + room, limit.advanced(arrival, moment, room)
        moment = max(moment, limit.opens_at(arrival))
    assert count >= per_minute * 5 * 0.98


@pytest.mark.parametrize("per_minute", [1, 60, 6000])
def test_a_clock_that_is_put_back_stops_nothing(per_minute):
    """A moment that is further away than a burst reaches counts as none."""
    limit = RateLimit(per_minute)
    arrival = limit.advanced(None, START + timedelta(hours=2), 1)
    assert limit.room(arrival, START) == limit.room(None, START)
    assert limit.advanced(arrival, START, 1) == limit.advanced(None, START, 1)


def test_a_limit_is_an_option_of_the_tenant():
    """Without a number above zero there is no limit."""
    assert rate_limit_of({"rate_limit": 30}) == RateLimit(30)
    assert [rate_limit_of(options) for options in ({}, {"rate_limit": None}, {"rate_limit": 0})] == [None] * 3


async def test_all_workers_share_the_limit(world, mail, clock):  # REL-03
    """The limit is in a row: whichever worker comes, no minute has more than it allows, and everything leaves in time."""
    async with in_memory(world, mail, clock, nap=0.0) as office, in_memory(world, mail, clock, nap=0.0) as other:
        await limit(office, 6)
        submitted = [await office.submit(subject=str(number)) for number in range(10)]
        for _ in range(60):
            await office.drain()
            await other.drain()
            clock.forward(seconds=5)
        assert len(mail.accepted) == 10
        left = sorted([(await office.attempts(one))[0][0].started_at for one in submitted])
        assert all(later - one >= timedelta(seconds=60) for one, later in zip(left, left[6:], strict=False))
        assert left[-1] - left[0] < timedelta(seconds=150)


async def limit(desk, per_minute):
    """Limit the tenant's account."""
    await Options(desk.world.store).save(desk.actor, {"rate_limit": per_minute})
