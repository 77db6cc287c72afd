"""The mail configuration of a tenant."""

import pytest

from mailport.errors import ConfigurationError, PermissionDenied
from mailport.fields import ComponentType
from mailport_workspace.sealing import KeyRing, SealBroken, new_key
from mailport_workspace.tenants.configuration import Configurations
from mailport_workspace.tenants.values import MASK
from tests.workspace.forms import administrator, agent, smtp


async def _entries(world, actor):
    async with world.store.read(actor.tenant) as rows:
        return {entry.field: (entry.old, entry.new) for entry in reversed(await rows.audit())}


async def test_each_tenant_sends_by_its_own_configuration(world):  # CFG-01
    """No value of another tenant reaches an account."""
    one, two = smtp(host="one.example.test"), smtp(host="two.example.test", send_mail_timeout=7)
    await world.configurations.save(world.one, one)
    await world.configurations.save(world.two, two)
    account = await world.configurations.account(world.one.tenant)
    assert (account.settings.host, account.settings.password.get_secret_value()) == ("one.example.test", one["password"])
    assert account.timeout == 100


async def test_a_tenant_without_configuration_does_not_borrow_one(world):  # CFG-01
    """An empty configuration is an error that names the field, whatever others have."""
    await world.configurations.save(world.two, smtp())
    with pytest.raises(ConfigurationError) as caught:
        await world.configurations.account(world.one.tenant)
    assert caught.value.field == "protocol"


async def test_only_administrators_read_and_change(world):  # CFG-03
    """An agent is refused before anything is read or stored."""
    person = agent(world.one)
    for work in (
        world.configurations.read(person),
        world.configurations.save(person, smtp()),
        world.configurations.unsaved_account(person, smtp()),
        world.configurations.affected_inboxes(person, ComponentType.BASIC),
        world.inboxes.list(person),
        world.inboxes.create(person, {"name": "Own"}),
        world.transfer.export(person),
        world.transfer.import_(person, {}, {}),
    ):
        with pytest.raises(PermissionDenied) as caught:
            await work
        assert caught.value.code == "permission.administrator"
    assert "protocol" not in await world.configurations.read(world.one)


async def test_a_change_counts_from_the_next_account_on(world):  # CFG-04, CFG-05
    """An account in use keeps its values; the next one has the new ones, without a restart."""
    await world.configurations.save(world.one, smtp(host="old.example.test"))
    in_use = await world.configurations.account(world.one.tenant)
    await world.configurations.save(world.one, smtp(host="new.example.test"))
    assert in_use.settings.host == "old.example.test"
    assert (await world.configurations.account(world.one.tenant)).settings.host == "new.example.test"


async def test_every_changed_field_is_in_the_audit_history(world):  # CFG-06
    """An entry has user, time, field, old and new value."""
    person = administrator(world.one)
    await world.configurations.save(person, form := smtp())
    await world.configurations.save(person, form | {"port": 587, "block_outgoing_email": True})
    async with world.store.read(world.one.tenant) as rows:
        latest = [entry for entry in await rows.audit() if entry.field in ("port", "block_outgoing_email")]
    assert {(e.user_id, e.user_name, e.field, e.old, e.new) for e in latest} == {
        ("admin", "Admin", "port", "", "587"),
        ("admin", "Admin", "block_outgoing_email", "", "true"),
    }
    assert all(entry.at.tzinfo is not None for entry in latest)


async def test_the_audit_history_masks_secrets(world):  # CFG-06, CFG-07
    """A new and a changed secret are told, not shown."""
    await world.configurations.save(world.one, smtp())
    assert (await _entries(world, world.one))["password"] == ("", MASK)
    await world.configurations.save(world.one, smtp())
    assert (await _entries(world, world.one))["password"] == (MASK, MASK)


async def test_reading_masks_secrets(world):  # CFG-07
    """What is read shows that there is a secret, and nothing of it."""
    await world.configurations.save(world.one, form := smtp())
    shown = await world.configurations.read(world.one)
    assert shown["password"] == MASK
    assert form["password"] not in str(shown)
    assert form["password"] not in repr(await world.configurations.account(world.one.tenant))


async def test_what_was_read_can_be_saved_again(world):  # CFG-07
    """A form that comes back with the mask keeps the secret."""
    await world.configurations.save(world.one, form := smtp())
    await world.configurations.save(world.one, await world.configurations.read(world.one) | {"send_mail_timeout": 9})
    account = await world.configurations.account(world.one.tenant)
    assert (account.settings.password.get_secret_value(), account.timeout) == (form["password"], 9)


@pytest.mark.parametrize("change", [{"host": "evil.example.test"}, {"user_name": "other@example.test"}, {"port": 2525}])
async def test_a_stored_secret_does_not_follow_to_another_server(world, change):  # TST-08
    """When a field that binds it changes, the secret is asked for again, on saving and on testing."""
    await world.configurations.save(world.one, smtp())
    form = await world.configurations.read(world.one) | change
    for work in (world.configurations.save(world.one, form), world.configurations.unsaved_account(world.one, form)):
        with pytest.raises(ConfigurationError) as caught:
            await work
        assert (caught.value.code, caught.value.field) == ("settings.secret_unbound", "password")


async def test_secrets_of_options_that_are_not_chosen_are_not_kept(world):  # CFG-07
    """Otherwise a password could be used later, with a server that was entered meanwhile."""
    await world.configurations.save(world.one, smtp(authentication="none", host="one.example.test"))
    shown = await world.configurations.read(world.one)
    assert "password" not in shown
    with pytest.raises(ConfigurationError) as caught:
        await world.configurations.save(world.one, shown | {"authentication": "auth_login"})
    assert caught.value.field == "password"


async def test_custom_fields_are_kept(world):  # CFG-09
    """A host's own fields pass validation, come back, and have their audit entries."""
    await world.configurations.save(world.one, smtp(custom={"cost_centre": "42"}))
    await world.configurations.save(world.one, {"custom": {"cost_centre": "43"}})
    assert (await world.configurations.read(world.one))["custom"] == {"cost_centre": "43"}
    assert (await world.configurations.account(world.one.tenant)).custom == {"cost_centre": "43"}
    assert (await _entries(world, world.one))["custom.cost_centre"] == ("42", "43")


async def test_custom_fields_have_names(world):  # CFG-09
    """Anything but a mapping is refused at the field."""
    with pytest.raises(ConfigurationError) as caught:
        await world.configurations.save(world.one, smtp(custom=["cost_centre"]))
    assert caught.value.field == "custom"


async def test_half_a_configuration_changes_nothing(world):
    """Every field at fault is named, and what was stored stays."""
    await world.configurations.save(world.one, smtp(host="good.example.test"))
    with pytest.raises(ConfigurationError) as caught:
        await world.configurations.save(world.one, {"protocol": "smtp", "port": "many", "hosst": "x"})
    assert {"port", "hosst", "user_name"} <= {problem.field for problem in caught.value.problems}
    assert (await world.configurations.account(world.one.tenant)).settings.host == "good.example.test"


async def test_rules_can_be_saved_before_a_protocol_is_chosen(world):
    """A form without a protocol changes the rules; a setting in it is refused at its name."""
    await world.configurations.save(world.one, {"poll_interval": 30})
    assert (await world.configurations.read(world.one))["poll_interval"] == 30
    with pytest.raises(ConfigurationError) as caught:
        await world.configurations.save(world.one, {"poll_interval": 5, "host": "mail.example.test"})
    assert caught.value.field == "poll_interval"


async def test_a_record_of_an_older_plugin_loads(world):  # VER-01
    """A field that the plugin no longer has stays stored and is left out; the old on/off of TLS is understood."""
    await world.configurations.save(world.one, smtp())
    async with world.store.write(world.one.tenant) as rows:
        row = await rows.configuration()
        row.values = {**row.values, "helo_style": "polite", "use_ssl_tls": False}
    account = await world.configurations.account(world.one.tenant)
    assert account.settings.use_ssl_tls == "none"
    shown = await world.configurations.read(world.one)
    assert shown["helo_style"] == "polite"
    await world.configurations.save(world.one, shown)  # the form carries it back, which is nobody's mistake
    assert "helo_style" not in await world.configurations.read(world.one)
    with pytest.raises(ConfigurationError, match="helo_style"):
        await world.configurations.save(world.one, shown)  # entered anew it is one


async def test_the_configuration_of_a_plugin_that_is_gone_can_be_read(world):
    """Masks come from what is stored; sending says which protocol is missing."""
    await world.configurations.save(world.one, smtp())
    async with world.store.write(world.one.tenant) as rows:
        row = await rows.configuration()
        row.values = {**row.values, "protocol": "pigeon"}
    assert (await world.configurations.read(world.one))["password"] == MASK
    with pytest.raises(ConfigurationError, match="pigeon"):
        await world.configurations.account(world.one.tenant)


async def test_a_lost_key_asks_for_the_secret(world, store, mailport):
    """Sending says what is broken; entering the secret again mends it."""
    await world.configurations.save(world.one, smtp())
    changed = Configurations(store, mailport, KeyRing.parse(new_key("second")))
    with pytest.raises(SealBroken) as caught:
        await changed.account(world.one.tenant)
    assert caught.value.field == "password"
    await changed.save(world.one, form := smtp())
    assert (await changed.account(world.one.tenant)).settings.password.get_secret_value() == form["password"]


async def test_only_the_operator_sets_a_proxy(world):
    """A field that is the operator's is refused from a tenant, and stays when the tenant saves the rest."""
    with pytest.raises(ConfigurationError) as caught:
        await world.configurations.save(administrator(world.one), smtp(proxy_url="socks5://proxy.example.test:1080"))
    assert (caught.value.code, caught.value.field) == ("settings.operator_only", "proxy_url")
    await world.configurations.save(world.one, smtp(proxy_url="socks5://proxy.example.test:1080"))
    shown = await world.configurations.read(world.one)
    await world.configurations.save(administrator(world.one), shown | {"send_mail_timeout": 5})
    assert (await world.configurations.account(world.one.tenant)).settings.proxy_url == "socks5://proxy.example.test:1080"
