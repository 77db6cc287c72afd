"""Two inboxes on one mailbox: refused within a tenant, one after the other across tenants."""

import asyncio

import pytest

from mailport.errors import ConfigurationError
from mailport_workspace.tenants.mailbox import mailbox_key
from tests.workspace.forms import imap
from tests.workspace.intake.conftest import DESK, mail, until


async def test_a_second_inbox_of_the_tenant_on_the_same_mailbox_is_refused(post):  # PLS-08
    """The field says which inbox reads it; a disabled one may be kept, and another folder is another place."""
    await post.world.inboxes.create(post.actor, imap(enabled=True))
    with pytest.raises(ConfigurationError) as refused:
        await post.world.inboxes.create(post.actor, imap(name="Again", enabled=True, port=993, use_ssl_tls="SSL"))
    assert (refused.value.field, refused.value.code) == ("user_name", "settings.mailbox_taken")
    kept = await post.world.inboxes.create(post.actor, imap(name="Again"))
    with pytest.raises(ConfigurationError):
        await post.world.inboxes.save(post.actor, kept, {"enabled": True})
    await post.world.inboxes.create(post.actor, imap(name="Sales", folder="Sales", enabled=True))


async def test_inboxes_of_two_tenants_on_one_mailbox_take_turns(post):  # PLS-08
    """While one reads it, the other waits; each message is taken by one of them."""
    await post.inbox()
    other = await post.inbox(actor=post.world.two)
    async with post.store.write(post.world.two.tenant) as rows:
        (await rows.inbox(other)).next_poll_at = post.clock()
    for number in range(5):
        post.box().add(mail(f"Mail {number}"))
    going_on = asyncio.Event()
    post.clerk.does["Mail 0"] = lambda _received: going_on.wait()
    polling = asyncio.create_task(post.poll())
    await until(lambda: post.has_seen("Mail 0"))
    await post.poll(post.worker()[1])
    assert len(post.system.open_connections) == 1
    going_on.set()
    await polling
    assert sorted(post.clerk.seen) == [f"Mail {number}" for number in range(5)]
    await post.poll()
    assert len(post.system.connections) == 2


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"port": 993}, True),
        ({"protocol": "pop3"}, True),
        ({"folder": "inbox"}, True),
        ({"host": "MAIL.example.test"}, True),
        ({"folder": "Sales"}, False),
        ({"user_name": "sales@example.test"}, False),
        ({"login": "shared"}, False),
        ({"protocol": ""}, False),
    ],
)
def test_what_makes_a_mailbox_the_same(changes, is_same):
    """Host, user and folder count; ways to get there and credentials do not."""
    settings = {"protocol": "imap", "host": "mail.example.test", "user_name": DESK}
    assert (mailbox_key(settings | changes) == mailbox_key(settings)) is is_same
