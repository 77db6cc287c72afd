"""What a tenant decides about webhooks."""

import re
from pathlib import Path

import pytest

from mailport.errors import ConfigurationError, NotFound, PermissionDenied
from mailport_workspace.sealing import KeyRing, new_key
from mailport_workspace.tables import Role, WebhookState
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.rotation import rotate_keys
from mailport_workspace.webhooks.deliver import Deliveries
from mailport_workspace.webhooks.events import EVENT_MEANINGS
from mailport_workspace.webhooks.webhooks import MOST_WEBHOOKS, Webhooks
from tests.peers.webhook_receiver import is_signed

URL = "https://example.org/hook"


@pytest.fixture
def webhooks(world, policy, clock):
    return Webhooks(world.store, world.ring, policy, clock=clock)


async def made(webhooks, actor, **more):
    return await webhooks.create(actor, {"name": "Hook", "url": URL, "events": ["mail.sent"], **more})


def test_the_documentation_lists_every_event():
    """With the meaning that the API tells."""
    page = (Path(__file__).parents[3] / "docs" / "reference" / "webhooks.md").read_text()
    assert dict(re.findall(r"^\| `([a-z]+\.[a-z]+)` \| ([^|]+) \|", page, re.MULTILINE)) == EVENT_MEANINGS


@pytest.mark.parametrize(
    ("form", "field", "code"),
    [
        ({"url": "http://example.org/"}, "url", "settings.url_without_tls"),
        ({"url": "ftp://example.org/"}, "url", "settings.url"),
        ({"url": "https://"}, "url", "settings.url"),
        ({"url": "https://a:b@example.org/"}, "url", "settings.url"),
        ({"url": "https://example.org:99999/"}, "url", "settings.url"),
        ({"url": "https://example.org/\r\nX: y"}, "url", "settings.url"),
        ({"events": ["mail.lost"]}, "events", "settings.invalid"),
        ({"name": " "}, "name", "settings.invalid"),
        ({"secrets": {}}, "secrets", "settings.invalid"),
    ],
)
async def test_what_is_wrong_is_named_at_its_field(webhooks, world, form, field, code):
    """Nothing is stored of a form with a mistake."""
    with pytest.raises(ConfigurationError) as caught:
        await made(webhooks, world.one, **form)
    assert [(problem.field, problem.code) for problem in caught.value.problems] == [(field, code)]
    assert await webhooks.list(world.one) == []


async def test_the_key_is_sealed_and_never_shown_again(webhooks, world, database):
    """It stands in no list, no audit entry and not in the database."""
    hook = await made(webhooks, world.one)
    async with world.store.read(world.one.tenant) as rows:
        audit = str([vars(entry) for entry in await rows.audit()])
    for place in (str(await webhooks.read(world.one, hook.id)).encode(), audit.encode(), database.dump()):
        assert hook.signing_key.removeprefix("whsec_").encode() not in place


async def test_a_renewed_key_signs_beside_the_former_one(webhooks, world, receiver, web, clock):
    """Until it is renewed once more, so that the receiver can change without missing an event."""
    first = await made(webhooks, world.one, url=receiver.url)
    second = await webhooks.renew_key(world.one, first.id)
    third = await webhooks.renew_key(world.one, first.id)
    await webhooks.test(world.one, first.id)
    await Deliveries(world.store, world.ring, web, clock=clock).deliver(world.one.tenant)
    (call,) = receiver.calls
    assert [is_signed(call, each.signing_key) for each in (first, second, third)] == [False, True, True]


async def test_keys_rotate_under_the_webhooks(webhooks, world, ring, clock, receiver, web):
    """After a rotation the ring can do without the key that sealed them."""
    hook = await made(webhooks, world.one, url=receiver.url)
    fresh = new_key("second")
    both = KeyRing({**KeyRing.parse(fresh).keys, **ring.keys})
    assert await rotate_keys(world.store, both) == 1
    await webhooks.test(world.one, hook.id)
    await Deliveries(world.store, KeyRing.parse(fresh), web, clock=clock).deliver(world.one.tenant)
    assert [is_signed(call, hook.signing_key) for call in receiver.calls] == [True]


async def test_switching_off_gives_up_what_waits(webhooks, world):
    """Events do not pile up for nobody, and a test needs a webhook that is on."""
    hook = await made(webhooks, world.one)
    await webhooks.test(world.one, hook.id)
    await webhooks.change(world.one, hook.id, {"enabled": False})
    (row,) = await webhooks.deliveries(world.one, hook.id)
    assert (row.state, row.last_error) == (WebhookState.FAILED, "The webhook was switched off.")
    with pytest.raises(ConfigurationError) as caught:
        await webhooks.test(world.one, hook.id)
    assert caught.value.code == "webhook.disabled"


async def test_what_was_delivered_can_be_delivered_again(webhooks, world, receiver, web, clock):
    """Under the same id: the receiver knows that it has it."""
    hook = await made(webhooks, world.one, url=receiver.url)
    deliveries = Deliveries(world.store, world.ring, web, clock=clock)
    delivery = await webhooks.test(world.one, hook.id)
    for _ in range(2):
        await deliveries.deliver(world.one.tenant)
        await webhooks.deliver_again(world.one, delivery)
    assert [call.id for call in receiver.calls] == [delivery, delivery]


async def test_changes_are_audited_and_names_are_taken_once(webhooks, world):
    """Each changed field leaves an entry; removing a webhook takes its deliveries with it."""
    hook = await made(webhooks, world.one)
    with pytest.raises(ConfigurationError, match="already"):
        await made(webhooks, world.one)
    await webhooks.change(world.one, hook.id, {"events": ["mail.held"]})
    await webhooks.remove(world.one, hook.id)
    async with world.store.read(world.one.tenant) as rows:
        changes = [(entry.field, entry.old, entry.new) for entry in await rows.audit() if entry.subject == "webhook Hook"]
    assert ("events", '["mail.sent"]', '["mail.held"]') in changes
    assert ("url", URL, "") in changes


async def test_nobody_sees_or_changes_the_webhooks_of_others(webhooks, world):
    """Neither another tenant nor an agent."""
    hook = await made(webhooks, world.one)
    agent = Actor(tenant=world.one.tenant, user="u", name="Ann", role=Role.AGENT)
    for actor, refusal in ((world.two, NotFound), (agent, PermissionDenied)):
        for work in (webhooks.read, webhooks.remove, webhooks.renew_key, webhooks.test, webhooks.deliveries):
            with pytest.raises(refusal):
                await work(actor, hook.id)
        with pytest.raises(refusal):
            await webhooks.change(actor, hook.id, {"name": "x"})


async def test_a_tenant_has_a_limited_number(webhooks, world):
    """Each event is written for each of them."""
    for number in range(MOST_WEBHOOKS):
        await made(webhooks, world.one, name=f"Hook {number}")
    with pytest.raises(ConfigurationError) as caught:
        await made(webhooks, world.one, name="One more")
    assert caught.value.code == "webhook.too_many"
