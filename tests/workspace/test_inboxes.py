"""The inboxes of a tenant."""

import pytest
from pydantic import ValidationError

from mailport import Mailport
from mailport.errors import ConfigurationError, NotFound
from mailport.fields import ComponentType, Direction
from mailport_workspace.tables import InboxCursor, JournalEntry, MailDirection
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.tenants.handling import Handling, Processor
from mailport_workspace.tenants.inboxes import Inboxes
from tests.workspace.forms import administrator, imap, oauth_inbox, pop3


async def _enabled(world, actor):
    async with world.store.read(actor.tenant) as rows:
        return [inbox.name for inbox in await rows.readable_inboxes()]


async def _refused(work):
    with pytest.raises(ConfigurationError) as caught:
        await work
    return caught.value


async def test_a_fresh_tenant_has_one_inbox_for_incidents(world):  # CFG-02
    """It is called Incidents and waits, disabled, for its account."""
    (inbox,) = await world.inboxes.list(world.one)
    assert (inbox["name"], inbox["enabled"], inbox["processor"]) == ("Incidents", False, "incident")
    error = await _refused(world.inboxes.save(world.one, inbox["id"], {"enabled": True, "address": "desk@example.test"}))
    assert error.field == "protocol"


@pytest.mark.parametrize("component", list(ComponentType))
async def test_new_tenants_start_with_the_type_of_the_deployment(world, component):  # CMP-01
    """The setting `default_component_type` is written into the configuration of a new tenant."""
    actor = type(world.one).operator(await found_tenant(world.store, "Third", component=component))
    assert (await world.configurations.read(actor))["email_component_type"] == component


async def test_a_stored_record_without_a_type_is_basic(world):  # CMP-01
    """Old records have no value; neither the default of the deployment nor that of new tenants counts for them."""
    made = await world.inboxes.create(world.one, imap())
    async with world.store.write(world.one.tenant) as rows:
        (await rows.configuration()).values = {}
    assert (await world.inboxes.account(world.one.tenant, made)).component is ComponentType.BASIC


async def test_another_component_type_disables_the_inboxes_of_this_tenant(world):  # CMP-02, CMP-03
    """Inboxes of others are read on; those disabled are not, until somebody enables them."""
    made = await world.inboxes.create(world.one, imap(enabled=True))
    await world.inboxes.create(world.two, imap(enabled=True))
    await world.configurations.save(world.one, {"email_component_type": "basic"})
    assert (await _enabled(world, world.one), await _enabled(world, world.two)) == ([], ["Desk"])
    await world.inboxes.save(world.one, made, {"enabled": True})
    assert await _enabled(world, world.one) == ["Desk"]


async def test_the_same_component_type_disables_nothing(world):  # CMP-02
    """Saving other rules leaves the inboxes as they are."""
    await world.inboxes.create(world.one, imap(enabled=True))
    await world.configurations.save(world.one, {"poll_interval": 30, "email_component_type": "Advanced"})
    assert await _enabled(world, world.one) == ["Desk"]


async def test_what_a_component_type_would_disable_is_told_beforehand(world):  # CMP-02
    """Each inbox is named, with whether its authentication fits."""
    await world.inboxes.create(world.one, imap(enabled=True))
    await world.inboxes.create(world.one, oauth_inbox(name="Token"))
    told = {inbox.name: inbox for inbox in await world.configurations.affected_inboxes(world.one, ComponentType.BASIC)}
    assert {name: (inbox.enabled, inbox.fits) for name, inbox in told.items()} == {
        "Incidents": (False, False),
        "Desk": (True, True),
        "Token": (False, False),
    }
    assert told["Token"].allowed == ("auth_login", "plain")


async def test_an_authentication_that_the_type_lacks_cannot_be_enabled(world):  # CMP-04
    """The message names the allowed values; stored it may be."""
    await world.configurations.save(world.one, {"email_component_type": "basic"})
    made = await world.inboxes.create(world.one, form := oauth_inbox())
    for values in ({"enabled": True}, form | {"enabled": True}):
        error = await _refused(world.inboxes.save(world.one, made, values))
        assert (error.field, "auth_login, plain" in error.remedy) == ("authentication", True)
    await world.configurations.save(world.one, {"email_component_type": "advanced"})
    await world.inboxes.save(world.one, made, {"enabled": True})
    assert await _enabled(world, world.one) == ["Desk"]


async def test_basic_with_tls_needs_a_deployment_that_allows_it(world, store, ring):  # CMP-06
    """It is refused at the field, with the remedy to choose Advanced; without TLS it may be saved."""
    strict = Inboxes(store, Mailport(), ring)
    await world.configurations.save(world.one, {"email_component_type": "basic"})
    error = await _refused(strict.create(world.one, imap()))
    assert (error.field, error.remedy) == ("use_ssl_tls", "Choose Advanced.")
    made = await strict.create(world.one, imap(use_ssl_tls="none"))
    assert (await strict.account(world.one.tenant, made)).component is ComponentType.BASIC
    assert await world.inboxes.create(world.one, imap(name="Legacy"))  # the other deployment allows it


async def test_basic_uses_password_logins_only(world):  # CMP-06
    """Every option that Basic offers has a password, unless the protocol has no server."""
    for protocol in world.inboxes._mailport.protocols():
        for model in protocol.incoming:
            if ComponentType.BASIC in model.component_types and "host" in model.model_fields:
                assert "password" in model.model_fields, model


async def test_an_inbox_has_address_and_account(world):  # INB-01
    """All of it comes back, the password masked, and becomes an account that receives."""
    made = await world.inboxes.create(world.one, form := imap(port=993, use_ssl_tls="SSL"))
    shown = await world.inboxes.read(world.one, made)
    names = ("address", "protocol", "host", "port", "authentication", "user_name", "use_ssl_tls")
    assert {name: shown[name] for name in names} == {name: form[name] for name in names}
    account = await world.inboxes.account(world.one.tenant, made)
    assert account.direction is Direction.INCOMING
    assert account.settings.password.get_secret_value() == form["password"] not in str(shown)


@pytest.mark.parametrize(("form", "port"), [(pop3(), 110), (imap(), 143)])
async def test_a_new_inbox_starts_with_the_port_of_its_protocol(world, form, port):  # INB-02
    """The port that nobody entered is the protocol's."""
    made = await world.inboxes.create(world.one, form)
    assert (await world.inboxes.account(world.one.tenant, made)).settings.port == port


@pytest.mark.parametrize(("form", "port"), [(pop3(), 995), (imap(), 993)])
async def test_a_port_is_suggested_and_never_set(world, form, port):  # INB-03
    """The port field carries the suggestion for SSL; an inbox with SSL keeps the port that it has."""
    model = world.inboxes._mailport.protocol(form["protocol"]).incoming[0]
    assert model.model_fields["port"].json_schema_extra["x-suggest"]["use_ssl_tls"]["SSL"] == port
    made = await world.inboxes.create(world.one, form | {"use_ssl_tls": "SSL"})
    assert (await world.inboxes.account(world.one.tenant, made)).settings.port != port


@pytest.mark.parametrize("record_type", ["", "Incident", "problem"])
async def test_other_needs_an_object_of_its_own(world, record_type):  # INB-06
    """Without an object, or with one that has its own processor, the field is refused."""
    error = await _refused(world.inboxes.create(world.one, imap(processor="Other", record_type=record_type)))
    assert error.field == "record_type"


async def test_each_object_has_its_inbox(world):  # INB-06
    """With processor Other the chosen object is kept."""
    made = await world.inboxes.create(world.one, imap(processor="Other", record_type="Change"))
    shown = await world.inboxes.read(world.one, made)
    assert (shown["processor"], shown["record_type"]) == ("other", "change")


@pytest.mark.parametrize("spelling", ["service_request", "Service Request", "service-request"])
async def test_service_requests_have_no_inbox(world, spelling):  # INB-07
    """Mail updates them and never creates them."""
    error = await _refused(world.inboxes.create(world.one, imap(processor="other", record_type=spelling)))
    assert error.field == "record_type"


async def test_senders_can_be_linked_on_a_saved_inbox_only(world):  # INB-15
    """A new inbox refuses the option; once it is there, the option can be set and stays."""
    error = await _refused(world.inboxes.create(world.one, imap(link_person=True)))
    assert error.field == "link_person"
    made = await world.inboxes.create(world.one, imap())
    await world.inboxes.save(world.one, made, {"link_person": True, "permitted_domains": ["@Example.Test"]})
    await world.inboxes.save(world.one, made, {"archive_folder": "Done"})
    shown = await world.inboxes.read(world.one, made)
    assert (shown["link_person"], shown["permitted_domains"]) == (True, ["example.test"])


@pytest.mark.parametrize("action", ["move", "mark_read"])
async def test_without_folders_there_are_no_actions_with_folders(world, action):  # INB-19
    """The message names the actions that are possible; the default is one of them."""
    error = await _refused(world.inboxes.create(world.one, pop3(post_processing=action)))
    assert error.field == "post_processing"
    assert "leave, delete" in error.message
    made = await world.inboxes.create(world.one, pop3())
    assert (await world.inboxes.read(world.one, made))["post_processing"] == "leave"


async def test_another_protocol_starts_with_its_own_action(world):  # INB-19
    """What the former protocol did with a message does not stand in the way of the new one."""
    made = await world.inboxes.create(world.one, imap())
    assert (await world.inboxes.read(world.one, made))["post_processing"] == "move"
    await world.inboxes.save(world.one, made, pop3())
    assert (await world.inboxes.read(world.one, made))["post_processing"] == "leave"


async def test_a_disabled_inbox_is_not_read(world):  # INB-24
    """Only enabled inboxes are given to the poller."""
    made = await world.inboxes.create(world.one, imap(enabled=True))
    await world.inboxes.save(world.one, made, {"enabled": False})
    assert await _enabled(world, world.one) == []


async def test_a_deleted_inbox_leaves_its_mail(world):  # INB-24
    """Its journal stays, with its name; its cursor goes, and it is read no more."""
    made = await world.inboxes.create(world.one, imap(enabled=True))
    mail = JournalEntry(direction=MailDirection.INCOMING, inbox_id=made, inbox_name="Desk", delivery_key="1")
    async with world.store.write(world.one.tenant) as rows:
        await rows.add(mail, InboxCursor(inbox_id=made, cursor={"cursor": 1}))
    await world.inboxes.remove(world.one, made)
    async with world.store.read(world.one.tenant) as rows:
        assert [entry.inbox_name for entry in await rows.journal()] == ["Desk"]
        assert await rows.cursor(made) is None
    assert await _enabled(world, world.one) == []
    with pytest.raises(NotFound):
        await world.inboxes.account(world.one.tenant, made)


async def test_the_rules_of_the_tenant_count_for_each_inbox(world):
    """They are read with the account, so that a change counts from the next poll on."""
    made = await world.inboxes.create(world.one, imap())
    await world.configurations.save(world.one, {"poll_interval": 20, "keep_full_incoming_message": True})
    rules = (await world.inboxes.account(world.one.tenant, made)).rules
    assert (rules.poll_interval, rules.keep_full_incoming_message) == (20, True)


async def test_a_stored_password_does_not_follow_to_another_mailbox(world):  # TST-08
    """An inbox binds its secret as the server form does."""
    made = await world.inboxes.create(world.one, imap())
    form = imap(host="evil.example.test", password="")
    error = await _refused(world.inboxes.save(world.one, made, form))
    assert (error.code, error.field) == ("settings.secret_unbound", "password")


async def test_an_inbox_that_was_read_can_be_saved_again(world):  # CFG-07
    """A form that comes back with the mask keeps the secret; custom fields have their place elsewhere."""
    made = await world.inboxes.create(world.one, form := imap())
    await world.inboxes.save(world.one, made, await world.inboxes.read(world.one, made) | {"enabled": True, "port": 143})
    account = await world.inboxes.account(world.one.tenant, made)
    assert account.settings.password.get_secret_value() == form["password"]
    assert (await _refused(world.inboxes.save(world.one, made, {"custom": {"a": 1}}))).field == "custom"


async def test_two_inboxes_of_a_tenant_have_different_names(world):
    """The name is refused at its field; another tenant may have it."""
    await world.inboxes.create(world.one, imap())
    assert (await _refused(world.inboxes.create(world.one, imap()))).field == "name"
    assert await world.inboxes.create(world.two, imap())


async def test_the_inbox_of_a_plugin_that_is_gone_can_be_put_away(world):
    """It can be listed, disabled and deleted, and says which protocol is missing when it is enabled."""
    made = await world.inboxes.create(world.one, imap(enabled=True))
    async with world.store.write(world.one.tenant) as rows:
        row = await rows.inbox(made)
        row.values = {**row.values, "protocol": "pigeon"}
    await world.inboxes.save(world.one, made, {"enabled": False})
    assert "pigeon" in str(await _refused(world.inboxes.save(world.one, made, {"enabled": True})))
    await world.inboxes.remove(world.one, made)


@pytest.mark.parametrize("spelling", ["ExportEmailAsXml", "Export Email as XML"])
async def test_both_spellings_of_the_xml_processor_load(world, spelling):  # VER-03
    """Older configurations have either."""
    made = await world.inboxes.create(world.one, imap(processor=spelling))
    assert (await world.inboxes.read(world.one, made))["processor"] == "export_xml"


async def test_changes_of_inboxes_are_in_the_audit_history(world):  # CFG-06
    """Fields of ours and of the account, and what a component type disabled."""
    person = administrator(world.one)
    await world.inboxes.create(person, imap(enabled=True))
    await world.configurations.save(person, {"email_component_type": "basic"})
    async with world.store.read(world.one.tenant) as rows:
        entries = {(entry.subject, entry.field, entry.old, entry.new) for entry in await rows.audit()}
    assert ("inbox Desk", "host", "", "mail.example.test") in entries
    assert ("inbox Desk", "enabled", "true", "false") in entries
    assert ("configuration", "email_component_type", "advanced", "basic") in entries


def test_what_a_mail_can_become():  # INB-04
    """Incident unless something else is chosen: Problem, Other, Export Email as XML; nothing else can be."""
    assert [*Processor] == ["incident", "problem", "other", "export_xml"]
    assert Handling(name="Desk").processor is Processor.INCIDENT
    assert [Handling(name="Desk", processor=word).processor for word in Processor] == [*Processor]
    with pytest.raises(ValidationError):
        Handling(name="Desk", processor="invoice")
