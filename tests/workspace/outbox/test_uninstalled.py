"""Mail of a tenant whose plugin is not installed any more: in this process, after a restart."""

from types import SimpleNamespace

from mailport import Mailport, Message
from mailport_workspace.api.outbox import read_account
from mailport_workspace.tables import OutboxState
from mailport_workspace.tenants.configuration import Configurations
from tests.workspace.outbox.conftest import Desk

MAILDIR = {"protocol": "maildir", "authentication": "none", "directory": "out", "user_name": "desk@example.test"}


async def test_mail_waits_for_its_plugin(world, mail, office, clock, tmp_path):
    """It stays queued, the API says why, other tenants go on, and it leaves when the plugin is back."""
    waits = await office.submit()
    async with Mailport(local_root=tmp_path) as without:
        configurations = Configurations(world.store, without, world.ring)
        bare = Desk(SimpleNamespace(**vars(world) | {"configurations": configurations}), without, clock)
        await configurations.save(world.two, MAILDIR)
        message = Message.compose(sender="desk@example.test", to="bob@example.test", subject="Hello", text="Hello.")
        other = await bare.outbox.submit(world.two.tenant, message)
        await bare.drain()
        await bare.outbox.drain(world.two.tenant)
    async with world.store.read(world.two.tenant) as rows:
        assert (await rows.outbox_entry(other.outbox_id)).state is OutboxState.SENT
    assert (await office.state(waits), (await office.entry(waits)).attempts, await office.due()) == ("queued", 0, [])
    shown = await read_account(world.one, SimpleNamespace(store=world.store))
    assert (shown.circuit_open, shown.circuit_code) == (True, "settings.protocol")
    assert "memory" in shown.circuit_error
    assert shown.wait_until > clock()
    clock.forward(seconds=301)
    assert await office.due() == [world.one.tenant]
    await office.drain()
    assert (await office.state(waits), len(mail.mailboxes["bob@example.test"].mails())) == ("sent", 1)
    assert (await read_account(world.one, SimpleNamespace(store=world.store))).circuit_open is False
