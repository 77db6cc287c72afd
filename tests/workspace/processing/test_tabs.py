"""The tabs below the server form, and the settings of a tenant."""

import pytest

from mailport.errors import ConfigurationError, PermissionDenied
from mailport_workspace.records.embedded import EmbeddedRecords
from mailport_workspace.tables import Tab
from mailport_workspace.tenants.options import Options, options_of
from mailport_workspace.tenants.tabs import Tabs
from tests.workspace.forms import agent

RIGHT = [
    (Tab.TRUNCATE_BODY, "-- Original message --", "", ""),
    (Tab.IGNORED_SUBJECTS, "Newsletter *", "", ""),
    (Tab.FAILURE_SUBJECTS, "returned mail", "", ""),
    (Tab.TASK_KEYWORDS, "done", "Completed", "completed"),
    (Tab.TASK_KEYWORDS, "angenommen", "in-progress", "in_progress"),
    (Tab.APPROVAL_KEYWORDS, "ja", "accepted", "accepted"),
    (Tab.OBJECT_NAMES, "Störung", "Incident", "incident"),
    (Tab.SENDERS, "*.example.org", "Deny", "deny"),
    (Tab.SENDERS, "@example.org", "allow", "allow"),
    (Tab.SENDERS, "ann@example.org", "allow", "allow"),
    (Tab.TEMPLATES, "incident", "Subject :: \n", "Subject :: \n"),
]
WRONG = [
    (Tab.TRUNCATE_BODY, "", "", "word"),
    (Tab.TRUNCATE_BODY, "x", "meaning", "meaning"),
    (Tab.TRUNCATE_BODY, "x" * 501, "", "word"),
    (Tab.TRUNCATE_BODY, "a\0b", "", "word"),
    (Tab.IGNORED_SUBJECTS, "* *", "", "word"),
    (Tab.TASK_KEYWORDS, "not now", "rejected", "word"),
    (Tab.TASK_KEYWORDS, "done", "", "meaning"),
    (Tab.TASK_KEYWORDS, "done", "requested", "meaning"),
    (Tab.APPROVAL_KEYWORDS, "yes", "completed", "meaning"),
    (Tab.OBJECT_NAMES, "Thing", "thing", "meaning"),
    (Tab.OBJECT_NAMES, "12", "incident", "word"),
    (Tab.OBJECT_NAMES, "incident", "problem", "word"),
    (Tab.SENDERS, "two words", "deny", "word"),
    (Tab.SENDERS, "example.org", "perhaps", "meaning"),
    (Tab.TEMPLATES, "thing", "text", "word"),
    (Tab.TEMPLATES, "incident", "x" * 20_001, "meaning"),
]


@pytest.fixture
def tabs(world):
    """The tabs over the embedded records."""
    return Tabs(world.store, EmbeddedRecords(world.store))


@pytest.mark.parametrize(("tab", "word", "meaning", "kept"), RIGHT)
async def test_a_row_is_stored_as_the_tab_spells_it(world, tabs, tab, word, meaning, kept):
    """And read back by this tenant only."""
    made = await tabs.add(world.one, tab, word, meaning)
    assert (made, word, kept) in [(row["id"], row["word"], row["meaning"]) for row in await tabs.list(world.one, tab)]
    assert made not in [row["id"] for row in await tabs.list(world.two, tab)]


@pytest.mark.parametrize(("tab", "word", "meaning", "field"), WRONG)
async def test_a_wrong_row_is_refused_at_its_field(world, tabs, tab, word, meaning, field):  # TAB-10
    """A keyword maps to a status that the type has; nothing of a wrong row is stored."""
    before = await tabs.list(world.one, tab)
    with pytest.raises(ConfigurationError) as caught:
        await tabs.add(world.one, tab, word, meaning)
    assert (caught.value.field, await tabs.list(world.one, tab)) == (field, before)


async def test_every_change_of_a_row_is_in_the_audit(world, tabs):
    """Who, what, from what to what."""
    made = await tabs.add(world.one, Tab.TASK_KEYWORDS, "done", "completed")
    await tabs.change(world.one, made, meaning="accepted")
    await tabs.remove(world.one, made)
    async with world.store.read(world.one.tenant) as rows:
        changes = [(entry.field, entry.old, entry.new) for entry in await rows.audit() if "done" in entry.subject]
    assert ("meaning", "completed", "accepted") in changes
    assert {("word", "", "done"), ("word", "done", "")} <= set(changes)


async def test_the_statuses_to_choose_from_are_those_of_the_type(world, tabs):
    """A form offers them."""
    assert "completed" in await tabs.choices(world.one, Tab.TASK_KEYWORDS)
    assert await tabs.choices(world.one, Tab.SENDERS) == ["allow", "deny"]
    assert await tabs.choices(world.one, Tab.TRUNCATE_BODY) == []


async def test_rows_belong_to_their_tenant_and_to_administrators(world, tabs):
    """Nobody else changes them."""
    made = await tabs.add(world.one, Tab.TRUNCATE_BODY, "x")
    for work in (tabs.change(world.two, made, word="y"), tabs.remove(world.two, made)):
        with pytest.raises(LookupError):
            await work
    with pytest.raises(PermissionDenied):
        await tabs.list(agent(world.one), Tab.TRUNCATE_BODY)


async def test_settings_are_stored_with_audit_and_defaults(world):
    """What a form does not name keeps its value."""
    options = Options(world.store)
    await options.save(world.one, {"max_body_text": 5000, "error_summary_address": "ops@example.test"})
    await options.save(world.one, {"strict_compatibility": True})
    shown = await options.read(world.one)
    assert (shown["max_body_text"], shown["strict_compatibility"], shown["incident_on_failure"]) == (5000, True, True)
    assert (await options.read(world.two))["max_body_text"] == 1_000_000
    async with world.store.read(world.one.tenant) as rows:
        assert {"max_body_text", "strict_compatibility"} <= {entry.field for entry in await rows.audit()}


@pytest.mark.parametrize(
    "form",
    [
        {"max_body_text": 1},
        {"final_state": "burn"},
        {"error_summary_address": "nobody"},
        {"record_store_url": "ftp://example.org"},
        {"colour": "red"},
        {"default_unit": ""},
    ],
)
async def test_a_wrong_setting_is_refused_at_its_field(world, form):
    """Nothing is stored."""
    with pytest.raises(ConfigurationError) as caught:
        await Options(world.store).save(world.one, form)
    assert caught.value.field == next(iter(form))


async def test_a_stored_setting_that_this_release_refuses_has_its_default(world):
    """The others count."""
    async with world.store.write(world.one.tenant) as rows:
        (await rows.tenant()).options = {"max_body_text": "much", "strict_compatibility": True, "former_prefixes": ["X:"]}
    async with world.store.read(world.one.tenant) as rows:
        options = options_of(await rows.tenant())
    assert (options.max_body_text, options.strict_compatibility) == (1_000_000, True)
