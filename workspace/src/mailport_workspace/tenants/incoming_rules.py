"""The ordered rules for incoming mail (PLS-04): skip rules first, then the first that fits, at last one without conditions.

Without any rule that fits, the inbox decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from mailport import Message
from mailport.address import Address
from mailport.errors import ConfigurationError, Problem
from mailport.policies.senders import judge
from mailport.policies.subjects import fits
from mailport_workspace.intake.handlers import INCOMING
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import IncomingRule, new_id
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields
from mailport_workspace.tenants.values import problems_of, refuse, refuse_unstorable

__all__ = ["Condition", "Do", "Fact", "IncomingRules", "Rule", "RuleAction", "first_fitting", "rules_of"]

_SKIPPING = frozenset({"ignore", "quarantine"})


class Fact(StrEnum):
    """What a condition looks at."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    SUBJECT = "subject"
    BODY = "body"
    HEADER = "header"
    SIZE = "size"
    ATTACHMENT = "attachment"


class Do(StrEnum):
    """What a rule does with a mail."""

    PROCESS = "process"
    """What the inbox says, with the fields that the rule sets on a new record."""
    IGNORE = "ignore"
    QUARANTINE = "quarantine"
    CREATE = "create"
    """A mail without a record makes one of the rule's type."""
    ATTACH = "attach"
    """A mail with a record is put into its history and changes nothing; without one a person decides."""
    QUEUE = "queue"
    """A mail goes on in another queue, and is processed there as that queue is worked off; an inactive one keeps it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, str_strip_whitespace=True)


class Condition(_Part):
    """One thing that must be so; with ``negate`` it must not.

    ``value`` is compared without regard to case: it stands somewhere in the text, or fits all of it where it has a ``*``.
    Of senders and recipients it is an address or a domain, or fits all of the address where it has a ``*``. Of a size it is the
    bytes from which on the condition holds. Of attachments it is a part of a file's name, or empty for any file.
    """

    on: Fact
    value: str = Field("", max_length=500)
    header: str = Field("", max_length=200)
    negate: bool = False

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.on is Fact.SIZE and not (self.value.isascii() and self.value.isdigit()):
            raise ValueError("a size is a number of bytes")
        if (self.on is Fact.HEADER) != bool(self.header):
            raise ValueError("a header has a name, and nothing else has")
        if not self.value.strip("* ") and self.on not in (Fact.ATTACHMENT, Fact.HEADER):
            raise ValueError("a condition needs something to compare with")
        return self


class RuleAction(_Part):
    """What happens. ``record_type`` is that of a new record, ``fields`` are set on it; ``reason`` is shown to people.

    ``queue`` is where a mail goes on; once it is there it is processed with ``fields``, as by ``process``.
    """

    do: Do = Do.PROCESS
    queue: str = Field("", max_length=100)
    record_type: str = Field("", max_length=100)
    fields: dict[str, Annotated[str, StringConstraints(max_length=1000)]] = {}
    reason: str = Field("", max_length=300)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.do is Do.CREATE) != bool(self.record_type):
            raise ValueError("a rule that creates a record names its type, and no other does")
        if (self.do is Do.QUEUE) != bool(self.queue):
            raise ValueError("a rule that moves mail names its queue, and no other does")
        if self.queue == INCOMING:
            raise ValueError("all mail comes through this queue: name another one")
        if self.fields and self.do not in (Do.CREATE, Do.PROCESS, Do.QUEUE):
            raise ValueError("only a rule that lets records be made sets fields")
        return self


def _distinct_name(value: str) -> str:
    return " ".join(value.split())


class Rule(_Part):
    """One rule, as a form gives it. Every condition must hold; a skip rule keeps mail from becoming a record."""

    name: Annotated[str, AfterValidator(_distinct_name)] = Field(min_length=1, max_length=200)
    enabled: bool = True
    skip: bool = False
    inbox_id: str | None = Field(None, max_length=32)
    conditions: tuple[Condition, ...] = Field((), max_length=50)
    action: RuleAction = RuleAction()

    @model_validator(mode="after")
    def _skips(self) -> Self:
        if self.skip and (self.action.do not in _SKIPPING or not self.conditions):
            raise ValueError("a skip rule has conditions, and ignores or quarantines")
        return self


@dataclass(frozen=True, slots=True)
class _Mail:
    message: Message
    text: str
    size: int


def first_fitting(rules: Sequence[Rule], message: Message, *, text: str, size: int) -> Rule | None:
    """Return the rule that decides about a mail. ``text`` is its text as it will be stored, ``size`` is in bytes."""
    mail = _Mail(message, text, size)
    ordered = sorted(rules, key=lambda rule: (not rule.skip, not rule.conditions))  # stable: else the order of the tenant
    return next((rule for rule in ordered if all(_holds(condition, mail) for condition in rule.conditions)), None)


def _holds(condition: Condition, mail: _Mail) -> bool:
    return _is_so(condition, mail) != condition.negate


def _is_so(condition: Condition, mail: _Mail) -> bool:
    value = condition.value
    if condition.on in (Fact.SENDER, Fact.RECIPIENT):
        return _is_one_of(_addresses(condition.on, mail.message), value)
    if condition.on is Fact.SIZE:
        return mail.size >= int(value)
    return any(not value or fits(text, (value,)) for text in _texts(condition, mail))


def _texts(condition: Condition, mail: _Mail) -> list[str]:
    match condition.on:
        case Fact.SUBJECT:
            return [mail.message.subject]
        case Fact.BODY:
            return [mail.text]
        case Fact.ATTACHMENT:
            return [file.filename for file in mail.message.attachments]
    return [text for name, text in mail.message.headers if name.lower() == condition.header.lower()]


def _addresses(on: Fact, message: Message) -> Iterable[Address]:
    if on is Fact.RECIPIENT:
        return (*message.to, *message.cc, *message.bcc)
    return (message.sender,) if message.sender else ()


def _is_one_of(addresses: Iterable[Address], value: str) -> bool:
    for address in addresses:
        verdict = judge(address, allowed=(value,), denied=())
        if (verdict is not None and verdict.allowed) or ("*" in value and fits(address.mailbox, (value,))):
            return True
    return False


def rules_of(rows: Iterable[IncomingRule]) -> tuple[Rule, ...]:
    """Return stored rules; one that this release does not accept is left out, so that it stops no mail."""
    read = []
    for row in rows:
        try:
            read.append(Rule.model_validate(_stored(row)))
        except ValidationError:
            continue
    return tuple(read)


def _stored(row: IncomingRule) -> dict[str, Any]:
    return {
        "name": row.name,
        "enabled": row.enabled,
        "skip": row.skip,
        "inbox_id": row.inbox_id,
        "conditions": row.conditions.get("all", []),
        "action": row.action,
    }


class IncomingRules:
    """The rules of all tenants."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        """Return the rules in their order, each with its id and position."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            return [{"id": row.id, "position": row.position, **_stored(row)} for row in await rows.incoming_rules()]

    async def add(self, actor: Actor, form: Mapping[str, Any]) -> str:
        """Store a new rule behind the others; return its id."""
        actor.require_administrator()
        rule = _read(form)
        async with self._store.write(actor.tenant) as rows:
            await _check(rows, rule, None)
            position = max((row.position for row in await rows.incoming_rules()), default=0) + 1
            row = IncomingRule(id=new_id(), position=position, **_columns(rule))
            await rows.add(row, *changed_fields(actor, f"rule {rule.name}", {}, _columns(rule)))
            return row.id

    async def change(self, actor: Actor, rule_id: str, form: Mapping[str, Any]) -> None:
        """Store a changed rule; what the form does not name keeps its value."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            row = await rows.incoming_rule(rule_id, for_update=True)
            before = _columns_of(row)
            rule = _read({**_stored(row), **form})
            await _check(rows, rule, row.id)
            for name, value in _columns(rule).items():
                setattr(row, name, value)
            await rows.add(*changed_fields(actor, f"rule {rule.name}", before, _columns(rule)))

    async def move(self, actor: Actor, order: Sequence[str]) -> None:
        """Put the rules into another order: their ids, each once."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            there = {row.id: row for row in await rows.incoming_rules()}
            if sorted(order) != sorted(there):
                refuse([Problem("order", "settings.invalid", "Name every rule once; reload the list if it has changed.")])
            before = [row.name for row in there.values()]
            for position, rule in enumerate(order, 1):
                there[rule].position = position
            after = [there[rule].name for rule in order]
            await rows.add(*changed_fields(actor, "rules", {"order": before}, {"order": after}))

    async def remove(self, actor: Actor, rule_id: str) -> None:
        """Delete a rule."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            row = await rows.incoming_rule(rule_id)
            await rows.add(*changed_fields(actor, f"rule {row.name}", _columns_of(row), {}))
            await rows.remove(row)


def _read(form: Mapping[str, Any]) -> Rule:
    refuse_unstorable(form)
    refuse(problems_of(Rule, form))
    return Rule.model_validate(form)


def _columns(rule: Rule) -> dict[str, Any]:
    columns = rule.model_dump(mode="json")
    return {**columns, "conditions": {"all": columns["conditions"]}}


def _columns_of(row: IncomingRule) -> dict[str, Any]:
    return {**_stored(row), "conditions": row.conditions}


async def _check(rows: TenantRows, rule: Rule, own: str | None) -> None:
    if any(row.name == rule.name and row.id != own for row in await rows.incoming_rules()):
        raise ConfigurationError(f"There is a rule “{rule.name}” already.", code="settings.taken", field="name")
    if rule.inbox_id is not None and all(inbox.id != rule.inbox_id for inbox in await rows.inboxes()):
        refuse([Problem("inbox_id", "settings.invalid", "There is no such inbox.")])
