"""Telling other systems what happened, until they take it."""

import asyncio
from datetime import timedelta

import pytest

from mailport.egress import EgressPolicy
from mailport_workspace.deployment.ahead import begin_what_is_ahead
from mailport_workspace.tables import WebhookDelivery, WebhookState, new_id
from mailport_workspace.web import WebClient
from mailport_workspace.webhooks.deliver import LEASE, Deliveries
from mailport_workspace.webhooks.tell import tell
from mailport_workspace.webhooks.webhooks import Webhooks
from tests.peers.webhook_receiver import Fault, WebhookReceiver, is_signed


@pytest.fixture
def webhooks(world, policy, clock):
    return Webhooks(world.store, world.ring, policy, clock=clock)


@pytest.fixture
def deliveries(world, web, clock):
    return Deliveries(world.store, world.ring, web, clock=clock, timeout=0.5)


@pytest.fixture
async def hook(webhooks, world, receiver):
    return await webhooks.create(world.one, {"name": "Hook", "url": receiver.url, "events": ["mail.sent"]})


async def say(world, *, number=1, tenant=None):
    async with world.store.write(tenant or world.one.tenant) as rows:
        for which in range(number):
            await tell(rows, "mail.sent", {"journal_id": f"j{which}"})


async def kept(webhooks, world, hook):
    return await webhooks.deliveries(world.one, hook.id)


async def test_an_event_comes_signed_with_the_key_that_was_shown_once(world, hook, deliveries, receiver, webhooks):
    """The receiver verifies id, time and body with the key; nobody sees the key again."""
    await say(world)
    await deliveries.deliver(world.one.tenant)
    (call,) = receiver.calls
    assert is_signed(call, hook.signing_key)
    assert (call.json["type"], call.json["data"]) == ("mail.sent", {"journal_id": "j0"})
    (row,) = await kept(webhooks, world, hook)
    assert (row.state, row.id, row.last_status, row.attempts) == (WebhookState.DELIVERED, call.id, 204, 1)
    assert hook.signing_key not in str(await webhooks.list(world.one)) + repr(hook)


async def test_only_who_wants_an_event_is_told(world, hook, webhooks, deliveries, receiver):
    """Not a webhook that is switched off, not one for other events, not one of another tenant."""
    for name, more in (("off", {"enabled": False}), ("else", {"events": ["record.created"]})):
        await webhooks.create(world.one, {"name": name, "url": receiver.url, "events": ["mail.sent"], **more})
    await webhooks.create(world.two, {"name": "two", "url": receiver.url, "events": ["mail.sent"]})
    await say(world)
    for actor in (world.one, world.two):
        await deliveries.deliver(actor.tenant)
    assert [is_signed(call, hook.signing_key) for call in receiver.calls] == [True]


async def test_what_is_told_counts_with_its_transaction(world, hook, deliveries, receiver):
    """What was rolled back is told to nobody."""
    with pytest.raises(ZeroDivisionError):
        async with world.store.write(world.one.tenant) as rows:
            await tell(rows, "mail.sent", {})
            raise ZeroDivisionError
    await deliveries.deliver(world.one.tenant)
    assert receiver.calls == []


@pytest.mark.parametrize("fault", [Fault(500), Fault(404), Fault(429), Fault(cut=True), Fault(delay=0.8)])
async def test_a_failure_is_tried_again_under_the_same_id(world, hook, deliveries, receiver, clock, webhooks, fault):
    """Whatever may pass is tried again later, and not before."""
    receiver.faults = [fault]
    await say(world)
    await deliveries.deliver(world.one.tenant)
    await deliveries.deliver(world.one.tenant)
    assert len(receiver.calls) == 1
    clock.advance(seconds=10)
    await deliveries.deliver(world.one.tenant)
    first, second = receiver.calls
    assert (first.id, first.body) == (second.id, second.body)
    (row,) = await kept(webhooks, world, hook)
    assert (row.state, row.attempts) == (WebhookState.DELIVERED, 2)


async def test_retry_after_is_obeyed(world, hook, deliveries, receiver, clock, webhooks):
    """A wait that the receiver asks for is kept to the second, also where it is longer than ours."""
    receiver.faults = [Fault(503, {"Retry-After": "900"})]
    await say(world)
    await deliveries.deliver(world.one.tenant)
    (row,) = await kept(webhooks, world, hook)
    assert row.due_at - clock.moment == timedelta(seconds=900)


async def test_after_a_day_it_is_given_up(world, hook, deliveries, receiver, clock, webhooks):
    """A receiver that never takes an event hears of it for a day, less and less often."""
    receiver.faults = [Fault(500)] * 60
    await say(world)
    for _ in range(24 * 6):
        await deliveries.deliver(world.one.tenant)
        clock.advance(minutes=12)
    (row,) = await kept(webhooks, world, hook)
    assert row.state is WebhookState.FAILED
    assert 20 < row.attempts < 40
    assert row.last_error == "It answered 500."


async def test_a_clock_that_leaps_by_a_day_ends_no_delivery_and_delays_none(world, hook, deliveries, receiver, clock, webhooks):
    """A leap forward after the first try gives nothing up; what failed meanwhile is tried in time once it is put back."""
    receiver.faults = [Fault(500)] * 2
    await say(world)
    await deliveries.deliver(world.one.tenant)
    clock.advance(days=1)
    await deliveries.deliver(world.one.tenant)
    clock.advance(days=-1)
    await begin_what_is_ahead(world.store, clock())
    (row,) = await kept(webhooks, world, hook)
    assert (row.state, row.attempts) == (WebhookState.QUEUED, 2)
    clock.advance(seconds=40)
    await deliveries.deliver(world.one.tenant)
    (row,) = await kept(webhooks, world, hook)
    assert (row.state, len(receiver.calls)) == (WebhookState.DELIVERED, 3)


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_what_a_receiver_cannot_read_is_not_repeated(world, hook, deliveries, receiver, webhooks, status):
    """The same body would be refused again; the next event is tried all the same."""
    receiver.faults = [Fault(status)]
    await say(world, number=2)
    await deliveries.deliver(world.one.tenant)
    assert sorted(row.state for row in await kept(webhooks, world, hook)) == [WebhookState.DELIVERED, WebhookState.FAILED]


async def test_a_receiver_that_is_gone_is_not_told_again(world, hook, deliveries, receiver, webhooks):
    """410 switches the webhook off and gives up what waits."""
    receiver.faults = [Fault(410)]
    await say(world, number=3)
    await deliveries.deliver(world.one.tenant)
    await deliveries.deliver(world.one.tenant)
    assert len(receiver.calls) == 1
    assert {row.state for row in await kept(webhooks, world, hook)} == {WebhookState.FAILED}
    assert not (await webhooks.read(world.one, hook.id))["enabled"]


async def test_a_redirect_is_not_followed(world, hook, deliveries, receiver, webhooks):
    """It would lead to an address that nobody checked; the error says what to do."""
    receiver.faults = [Fault(307, {"Location": receiver.url + "/elsewhere"})]
    await say(world)
    await deliveries.deliver(world.one.tenant)
    assert [call.path for call in receiver.calls] == ["/hook"]
    (row,) = await kept(webhooks, world, hook)
    assert "enter the final URL" in row.last_error


async def test_one_that_does_not_answer_keeps_no_other_waiting(world, hook, webhooks, deliveries, receiver):
    """Its own events wait together after the first try; those of another webhook go out."""
    with WebhookReceiver() as silent:
        silent.faults = [Fault(delay=2.0)] * 9
        await webhooks.create(world.one, {"name": "Silent", "url": silent.url, "events": ["mail.sent"]})
        await say(world, number=5)
        await asyncio.wait_for(deliveries.deliver(world.one.tenant), 30)
    assert (len(receiver.calls), len(silent.calls)) == (5, 1)


async def test_workers_at_once_deliver_each_event_once(world, hook, deliveries, receiver, web, clock):
    """Three workers on fifty events make fifty calls."""
    others = [Deliveries(world.store, world.ring, web, clock=clock) for _ in range(2)]
    await say(world, number=50)
    await asyncio.gather(*(each.deliver(world.one.tenant) for each in (deliveries, *others)))
    assert len({call.id for call in receiver.calls}) == len(receiver.calls) == 50


async def test_what_a_lost_worker_held_is_delivered_by_another(world, hook, deliveries, receiver, clock, webhooks):
    """Once its lease is over; the workers are told for which tenants there is something to do."""
    await say(world)
    await deliveries._claim(world.one.tenant, hook.id)
    for minutes, due in ((0, []), (6, [world.one.tenant])):
        clock.advance(minutes=minutes)
        async with world.store.survey() as rows:
            assert await rows.due_webhooks(clock(), lost_before=clock() - LEASE) == due
        await deliveries.deliver(world.one.tenant)
        assert len(receiver.calls) == len(due)


async def test_nobody_is_asked_to_deliver_to_a_webhook_that_is_switched_off(world, hook, webhooks, clock):
    """What waits for it waits until it is switched on again."""
    await webhooks.change(world.one, hook.id, {"enabled": False})
    async with world.store.write(world.one.tenant) as rows:  # told in a transaction that began before
        await rows.add(WebhookDelivery(id=new_id(), webhook_id=hook.id, event="mail.sent", payload={}, due_at=clock()))
    for is_enabled in (False, True):
        async with world.store.write(world.one.tenant) as rows:
            (await rows.webhook(hook.id)).enabled = is_enabled
        async with world.store.survey() as rows:
            due = await rows.due_webhooks(clock(), lost_before=clock() - LEASE)
        assert due == [world.one.tenant] * is_enabled


async def test_a_private_address_is_refused_at_every_delivery(world, hook, store, clock, receiver, webhooks):
    """A name that was public when it was entered does not lead inside later."""
    web = WebClient(EgressPolicy(public_only=True, allowed=("localhost",)))
    async with store.write(world.one.tenant) as rows:
        (await rows.webhook(hook.id)).url = receiver.url.replace("http:", "https:")
    await say(world)
    await Deliveries(store, world.ring, web, clock=clock).deliver(world.one.tenant)
    (row,) = await kept(webhooks, world, hook)
    assert (receiver.calls, "may not be reached" in row.last_error) == ([], True)
