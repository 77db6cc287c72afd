"""Export and import."""

import json

import pytest

from mailport.errors import ConfigurationError
from tests.workspace.forms import imap, smtp


async def _filled(world):
    forms = smtp(custom={"cost_centre": "42"}, poll_interval=30), imap(enabled=True)
    await world.configurations.save(world.one, forms[0])
    made = await world.inboxes.create(world.one, forms[1])
    await world.inboxes.save(world.one, made, {"link_person": True})
    return forms


async def test_an_export_holds_no_secret(world):  # CFG-07, CFG-08
    """Neither in clear nor sealed; it names what an import asks for."""
    forms = await _filled(world)
    document = await world.transfer.export(world.one)
    text = json.dumps(document)
    assert [form for form in forms if form["password"] in text] == []
    assert "v1." not in text
    assert document["secrets_needed"] == ["configuration.password", "inboxes.Desk.password"]


async def test_an_import_asks_for_every_secret(world):  # CFG-08
    """All missing ones are named, and nothing is stored."""
    await _filled(world)
    document = await world.transfer.export(world.one)
    with pytest.raises(ConfigurationError) as caught:
        await world.transfer.import_(world.two, document, {"configuration.password": "x"})
    assert [problem.field for problem in caught.value.problems] == ["inboxes.Desk.password"]
    assert "protocol" not in await world.configurations.read(world.two)


async def test_what_was_exported_can_be_imported_elsewhere(world):  # CFG-08
    """Another tenant has the same afterwards, with its own secrets, and its inboxes wait to be enabled."""
    await _filled(world)
    document = await world.transfer.export(world.one)
    secrets = {name: f"secret of {name}" for name in document["secrets_needed"]}
    await world.transfer.import_(world.two, document, secrets)
    again = await world.transfer.export(world.two)
    assert [inbox.pop("enabled") for inbox in again["inboxes"]] == [False, False]
    assert [inbox.pop("enabled") for inbox in document["inboxes"]] == [True, False]
    assert again == document
    account = await world.configurations.account(world.two.tenant)
    assert account.settings.password.get_secret_value() == "secret of configuration.password"


async def test_an_import_is_all_or_nothing(world):  # CFG-08
    """When the last inbox is refused, the configuration before it is not stored either."""
    await _filled(world)
    document = await world.transfer.export(world.one)
    document["inboxes"][-1] |= {"poll_intervall": 5}
    with pytest.raises(ConfigurationError):
        await world.transfer.import_(world.two, document, dict.fromkeys(document["secrets_needed"], "x"))
    assert "protocol" not in await world.configurations.read(world.two)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"configuration": []},
        {"configuration": {}, "format": 2},
        {"configuration": {}, "x": 1},
        {"configuration": {}, "inboxes": [{"name": "\ud800"}]},
    ],
)
async def test_a_document_of_another_kind_is_refused(world, document):  # CFG-08
    """Missing parts, wrong types, a later format and unknown parts are errors of the reader, not crashes."""
    with pytest.raises(ConfigurationError):
        await world.transfer.import_(world.two, document, {})
