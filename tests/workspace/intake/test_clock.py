"""Incoming mail while the clock leaps forward by a day, and back."""

from datetime import timedelta

import pytest

from mailport_workspace.deployment.ahead import begin_what_is_ahead
from mailport_workspace.tables import IntakeState
from tests.workspace.intake.conftest import mail


async def put_back(post, **by):
    """Put the clock back, and let a worker look."""
    post.clock.forward(**{name: -value for name, value in by.items()})
    await begin_what_is_ahead(post.store, post.clock())


async def due(post):
    """Return the tenants with staged mail that is due."""
    async with post.store.survey() as rows:
        return await rows.due_intake(post.clock(), lost_before=post.intake.lost_before(post.clock()))


async def test_a_retry_waits_as_long_as_it_was_meant_to(post, printer):
    """Not a day longer where the clock was ahead when the mail was read and its first attempt failed."""
    post.clock.forward(days=1)
    await post.poll()
    await put_back(post, days=1)
    assert 20 < ((await post.entries())["Printer"].due_at - post.clock()).total_seconds() < 40
    post.clerk.does.clear()
    assert await due(post) == []
    post.clock.forward(seconds=40)
    assert await due(post) == [post.tenant]
    await post.work()
    assert await post.outcomes() == ["created"]


async def test_what_was_read_ahead_is_processed(post):
    """The worker ended between storing and processing; the mail is due half a minute after the clock is right again."""
    await post.queues.save(post.actor, {"queue": "incoming", "active": False})
    await post.inbox()
    post.box().add(mail("Printer"))
    post.clock.forward(days=1)
    await post.poll()
    await post.queues.save(post.actor, {"queue": "incoming", "active": True})
    await put_back(post, days=1)
    post.clock.forward(minutes=1)
    assert await due(post) == [post.tenant]
    await post.work()
    assert await post.outcomes() == ["created"]


async def test_what_a_lost_worker_held_is_processed_once(post, printer):
    """Its lease ends as if it had begun now."""
    await post.poll()
    post.clerk.does.clear()
    post.clock.forward(days=1)
    async with post.store.write(post.tenant) as rows:
        (entry,) = await rows.claimable("incoming", post.clock(), limit=10)
        entry.state, entry.lease, entry.leased_at = IntakeState.CLAIMED, "gone", post.clock()
    await put_back(post, days=1)
    assert await due(post) == []
    post.clock.forward(seconds=61)
    assert await due(post) == [post.tenant]
    await post.work()
    assert (await post.outcomes(), post.clerk.seen.count("Printer")) == (["created"], 2)


async def test_a_mail_in_hand_is_not_made_twice_when_the_clock_leaps(post):
    """Another worker takes it over, because a day without a sign of life is long; what the first one made does not count."""
    await post.inbox()
    second = post.worker()[0]

    async def leap(_received):
        if post.clerk.seen.count("Printer") == 1:
            post.clock.forward(days=1)
            await second.work(post.tenant)

    post.clerk.does["Printer"] = leap
    post.box().add(mail("Printer"))
    await post.poll()
    assert (await post.outcomes(), post.clerk.seen.count("Printer")) == (["created"], 2)
    await put_back(post, days=1)
    await post.poll()
    assert (len(await post.journal()), post.subjects("Archive")) == (1, ["Printer"])


@pytest.mark.parametrize("leap", [timedelta(days=1), timedelta(days=-1)])
async def test_a_mailbox_is_read_on_after_a_leap(post, leap):
    """Each message becomes one, before the leap and after it, and the inbox shows a fresh poll."""
    inbox = await post.inbox()
    for number in range(3):
        post.box().add(mail(f"Mail {number}"))
        await post.poll()
        post.clock.ahead += leap
        await begin_what_is_ahead(post.store, post.clock())
    await post.poll()
    assert await post.outcomes() == ["created"] * 3
    row = await post.row(inbox)
    assert abs((row.last_success_at - post.clock()).total_seconds()) < 60
    assert timedelta(0) < row.next_poll_at - post.clock() <= timedelta(seconds=60)


async def test_a_server_that_asked_for_patience_is_asked_again_in_time(post, system):
    """A pause of a minute that began ahead ends a minute from now."""
    inbox = await post.inbox()
    post.clock.forward(days=1)
    system.faults.throttle = 60.0
    await post.poll()
    system.faults.throttle = None
    await put_back(post, days=1)
    post.box().add(mail("Printer"))
    await post.poll()
    assert (await post.row(inbox)).last_error_code == "read.throttled"
    post.clock.forward(seconds=70)
    await post.poll()
    assert await post.outcomes() == ["created"]
