"""Whatever is sent, the answer is an error that names a field, or a configuration that loads."""

import random

import pytest

from mailport.errors import ConfigurationError
from tests.workspace.forms import imap, smtp

VALUES = [None, True, 0, -1, 1.5, 10**30, "", " ", "x" * 5000, "\ud800", "a\0b", "a\r\nb", [], {}, ["x"], {"x": None}, "••••••"]
NAMES = ["protocol", "authentication", "host", "port", "password", "user_name", "use_ssl_tls", "email_component_type"]
OF_INBOXES = ["name", "enabled", "address", "processor", "record_type", "post_processing", "link_person", "permitted_domains"]
OF_CONFIGURATIONS = ["poll_interval", "send_mail_timeout", "email_address_override", "custom", "unheard_of"]


def _broken(form, names, seed):
    choice = random.Random(seed)
    changes = {choice.choice(names): choice.choice(VALUES) for _ in range(choice.randint(1, 3))}
    return form | changes


async def _faulty(work):
    """Whether the work was refused; then the error names the field."""
    try:
        await work
    except ConfigurationError as error:
        return error.field or "no field"
    return None


@pytest.mark.parametrize("seed", range(3))
async def test_no_form_breaks_a_configuration(world, seed):
    """Refused with the field, or stored and read again."""
    for number in range(60):
        form = _broken(smtp(), NAMES + OF_CONFIGURATIONS, seed * 1000 + number)
        assert await _faulty(world.configurations.save(world.one, form)) != "no field", form
        assert await world.configurations.read(world.one)


@pytest.mark.parametrize("seed", range(3))
async def test_no_form_breaks_an_inbox(world, seed):
    """New, and saved over another one."""
    made = await world.inboxes.create(world.one, imap(name="Base"))
    for number in range(60):
        form = _broken(imap(name=f"Desk {number}"), NAMES + OF_INBOXES, seed * 1000 + number)
        assert await _faulty(world.inboxes.create(world.one, form)) != "no field", form
        assert await _faulty(world.inboxes.save(world.one, made, form)) != "no field", form
    assert await world.inboxes.list(world.one)


@pytest.mark.parametrize("value", ["a\0b", "\ud800", float("nan"), {1, 2}, {"deep": ["a\0b"]}])
async def test_what_cannot_be_stored_is_refused_at_its_field(world, value):  # SEC-05
    """On each database alike, also deep inside custom fields."""
    assert await _faulty(world.configurations.save(world.one, smtp(custom={"note": value}))) == "custom"
    assert await _faulty(world.inboxes.create(world.one, imap(archive_folder=value))) == "archive_folder"


async def test_text_that_only_looks_like_a_control_character_is_kept(world):
    """A backslash and what follows it are ordinary characters."""
    note = "\\u0000 \\n"
    await world.configurations.save(world.one, smtp(custom={"note": note}))
    assert (await world.configurations.read(world.one))["custom"] == {"note": note}
