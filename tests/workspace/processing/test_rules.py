"""The rules for incoming mail: what they look at, and what a form may hold."""

import pytest

from mailport import Attachment, Message
from mailport.errors import ConfigurationError, PermissionDenied
from mailport_workspace.tenants.incoming_rules import IncomingRules, Rule, first_fitting
from tests.workspace.forms import agent

MAIL = Message.compose(
    sender="Ann <ann@sales.example.org>",
    to="desk@example.test",
    cc="boss@example.test",
    subject="Invoice 12 is late",
    text="Please pay",
    headers=(("X-Priority", "1 (Highest)"),),
    attachments=[Attachment(filename="Invoice.PDF", content=b"x")],
)
FITS = [
    {"on": "sender", "value": "ann@sales.example.org"},
    {"on": "sender", "value": "sales.example.org"},
    {"on": "sender", "value": ".example.org"},
    {"on": "sender", "value": "ann@*"},
    {"on": "recipient", "value": "boss@example.test"},
    {"on": "subject", "value": "invoice"},
    {"on": "subject", "value": "Invoice * late"},
    {"on": "body", "value": "PAY"},
    {"on": "header", "header": "x-priority", "value": "highest"},
    {"on": "header", "header": "X-Priority"},
    {"on": "size", "value": "100"},
    {"on": "attachment"},
    {"on": "attachment", "value": ".pdf"},
]
FITS_NOT = [
    {"on": "sender", "value": "example.org"},
    {"on": "sender", "value": "ann"},
    {"on": "recipient", "value": "ann@sales.example.org"},
    {"on": "subject", "value": "invoice *early"},
    {"on": "body", "value": "invoice"},
    {"on": "header", "header": "X-Other"},
    {"on": "size", "value": "101"},
    {"on": "attachment", "value": ".doc"},
]


def _decides(*conditions):
    rule = Rule.model_validate({"name": "x", "conditions": conditions, "action": {"do": "ignore"}})
    return first_fitting([rule], MAIL, text="Please pay", size=100) is rule


@pytest.mark.parametrize("condition", FITS, ids=str)
def test_a_condition_that_holds(condition):  # PLS-04
    """And the same one negated does not."""
    assert _decides(condition)
    assert not _decides({**condition, "negate": True})


@pytest.mark.parametrize("condition", FITS_NOT, ids=str)
def test_a_condition_that_does_not_hold(condition):  # PLS-04
    """One of them is enough to let a rule pass by."""
    assert not _decides(condition)
    assert not _decides(FITS[0], condition)
    assert _decides(FITS[0], {**condition, "negate": True})


def test_a_mail_without_anything_fits_what_asks_for_nothing():
    """No sender, no recipient, no text: only negated conditions hold."""
    empty = Message.read(b"")
    for condition in FITS[:-3]:
        rule = Rule.model_validate({"name": "x", "conditions": [condition]})
        assert first_fitting([rule], empty, text="", size=0) is None


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x", "conditions": [{"on": "weather"}]}, "conditions"),
        ({"name": "x", "conditions": [{"on": "size", "value": "big"}]}, "conditions"),
        ({"name": "x", "conditions": [{"on": "subject", "value": "*"}]}, "conditions"),
        ({"name": "x", "conditions": [{"on": "header", "value": "y"}]}, "conditions"),
        ({"name": "x", "action": {"do": "create"}}, "action"),
        ({"name": "x", "action": {"do": "ignore", "fields": {"a": "b"}}}, "action"),
        ({"name": "x", "action": {"do": "queue"}}, "action"),
        ({"name": "x", "action": {"do": "queue", "queue": "incoming"}}, "action"),
        ({"name": "x", "action": {"do": "ignore", "queue": "night"}}, "action"),
        ({"name": "x", "inbox_id": "nobody"}, "inbox_id"),
        ({"name": "x", "colour": "red"}, "colour"),
        ({"name": "x", "action": {"do": "quarantine", "reason": "\0"}}, "action"),
        ({"name": "x", "skip": True, "action": {"do": "ignore"}}, ""),
        ({"name": "x", "skip": True, "conditions": [{"on": "attachment"}]}, ""),
    ],
)
async def test_a_wrong_rule_is_refused_at_its_field(world, form, field):
    """Nothing is stored of it."""
    rules = IncomingRules(world.store)
    with pytest.raises(ConfigurationError) as caught:
        await rules.add(world.one, form)
    assert (caught.value.field, await rules.list(world.one)) == (field, [])


async def test_rules_are_added_changed_moved_and_removed(world):
    """Each change is in the audit; another tenant has rules of its own."""
    rules = IncomingRules(world.store)
    one, two = [await rules.add(world.one, {"name": name}) for name in ("One", "Two")]
    await rules.change(world.one, one, {"enabled": False, "conditions": [{"on": "attachment"}]})
    await rules.move(world.one, [two, one])
    assert [(rule["name"], rule["enabled"]) for rule in await rules.list(world.one)] == [("Two", True), ("One", False)]
    await rules.remove(world.one, two)
    assert ([rule["name"] for rule in await rules.list(world.one)], await rules.list(world.two)) == (["One"], [])
    async with world.store.read(world.one.tenant) as rows:
        changed = [(entry.subject, entry.field) for entry in await rows.audit()]
    assert {("rule One", "enabled"), ("rule One", "conditions"), ("rules", "order"), ("rule Two", "name")} <= set(changed)


async def test_an_order_that_names_other_rules_is_refused(world):
    """Somebody else added one meanwhile."""
    rules = IncomingRules(world.store)
    one = await rules.add(world.one, {"name": "One"})
    for order in ([], [one, one], ["nobody"]):
        with pytest.raises(ConfigurationError):
            await rules.move(world.one, order)


async def test_names_are_taken_once_and_agents_see_no_rules(world):
    """Rules are part of the configuration."""
    rules = IncomingRules(world.store)
    await rules.add(world.one, {"name": "One"})
    with pytest.raises(ConfigurationError) as caught:
        await rules.add(world.one, {"name": " One "})
    assert caught.value.code == "settings.taken"
    with pytest.raises(PermissionDenied):
        await rules.list(agent(world.one))
