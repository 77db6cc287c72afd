"""Settings on their way between a form, a row and an account: what is secret is told apart, sealed and masked here."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from mailport import Account, Mailport
from mailport.account import with_stored_secrets
from mailport.errors import ConfigurationError, Problem
from mailport.fields import Direction, ProtocolFields, Settings, hint
from mailport_workspace.sealing import KeyRing, Place, SealBroken
from mailport_workspace.storable import is_storable
from mailport_workspace.tables import ConnectionTest, Inbox, MailConfiguration

__all__ = [
    "MASK",
    "Stored",
    "account_of",
    "complete",
    "custom_of",
    "hidden_changes",
    "keep",
    "masked_of",
    "problems_of",
    "refuse",
    "refuse_stale",
    "refuse_unstorable",
    "split",
    "stored_of",
]

MASK = "••••••"
"""What stands in place of a secret, wherever settings are shown; sent back, it means that the secret did not change."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stored:
    """Settings as a row keeps them, opened: ``values`` by field name, ``secrets`` in clear, the host's ``custom`` fields."""

    values: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    custom: Mapping[str, Any] = field(default_factory=dict)

    @property
    def flat(self) -> dict[str, Any]:
        """Everything by field name, as ``Mailport.account`` takes it."""
        return {**self.values, **self.secrets, **({"custom": dict(self.custom)} if self.custom else {})}


def stored_of(row: MailConfiguration | Inbox | ConnectionTest, ring: KeyRing, *, skip_broken: bool = False) -> Stored:
    """Return the settings of a row.

    Raises ``SealBroken`` for a secret that cannot be opened; ``skip_broken`` leaves it out: a person can enter it again.
    """
    opened = {}
    for name, sealed in row.secrets.items():
        try:
            opened[name] = ring.open(sealed, Place.of(row, name))
        except SealBroken:
            if not skip_broken:
                raise
    return Stored(dict(row.values), opened, custom_of(row))


def masked_of(row: MailConfiguration | Inbox) -> dict[str, Any]:
    """Return the settings of a row by field name, each secret as ``MASK`` (CFG-07); needs neither key nor plugin."""
    return Stored(dict(row.values), dict.fromkeys(row.secrets, MASK), custom_of(row)).flat


def keep(row: MailConfiguration | Inbox, stored: Stored, ring: KeyRing) -> None:
    """Put settings into a row, the secrets sealed."""
    row.values = dict(stored.values)
    row.secrets = {name: ring.seal(secret, Place.of(row, name)) for name, secret in stored.secrets.items()}
    row.version = (row.version or 0) + 1
    if isinstance(row, MailConfiguration):
        row.custom = dict(stored.custom)


def refuse_stale(row: MailConfiguration | Inbox, expected: int | None) -> None:
    """Refuse to change a row that is not in the version that the caller saw; None changes whatever is there."""
    if expected is not None and expected != row.version:
        raise ConfigurationError(
            "Somebody else changed this meanwhile.", code="store.stale", remedy="Load it again, and repeat your change."
        )


def custom_of(row: MailConfiguration | Inbox | ConnectionTest) -> dict[str, Any]:
    """Return the host's own fields of a row."""
    return dict(row.custom) if isinstance(row, MailConfiguration) else {}


def split(account: Account, protocol: ProtocolFields) -> Stored:
    """Return what to store of a validated account, in the form that validation gave it.

    Of options that are not chosen the plain values are kept, the secrets are not: were one kept, it could be used later with a
    server that was entered meanwhile, and nobody would be asked for it.
    """
    names = type(account.settings).secret_fields()
    plain = account.settings.model_dump(mode="json", exclude_unset=True, exclude=set(names))
    plain |= account.rules.model_dump(mode="json", exclude_unset=True)
    plain |= {"protocol": account.protocol, "authentication": account.settings.option()}
    ignored = {name: value for name, value in account.ignored.items() if name not in _secret_names(protocol)}
    secrets = {name: value.get_secret_value() for name in names if (value := getattr(account.settings, name)) is not None}
    return Stored(ignored | plain, {name: secret for name, secret in secrets.items() if secret}, dict(account.custom))


def _secret_names(protocol: ProtocolFields) -> frozenset[str]:
    """Return the names of all secrets of a protocol, whatever option or direction they belong to."""
    models: Iterable[type[Settings]] = (*protocol.outgoing, *protocol.incoming)
    return frozenset(name for model in models for name in model.secret_fields())


def refuse_unstorable(form: Mapping[str, Any]) -> None:
    """Refuse what no database or wire can carry: text with NUL or half a character, and what is no JSON."""
    refuse(
        Problem(repr(name)[1:-1], "settings.invalid", "It holds characters or values that cannot be stored.")
        for name, value in form.items()
        if not is_storable({name: value})
    )


def complete(mailport: Mailport, direction: Direction, form: Mapping[str, Any], stored: Stored) -> dict[str, Any]:
    """Return the form with the stored secrets that it left empty or masked.

    Raises ``ConfigurationError`` at the secret's field if one that binds it changed.
    """
    unmasked = {name: value for name, value in form.items() if value != MASK}
    given = _without_retired(mailport, direction, unmasked, stored)
    try:
        return with_stored_secrets(mailport.protocol(_protocol(mailport, direction, form)), direction, given, stored.flat)
    except ConfigurationError as unbound:
        refuse(_with_others(mailport, direction, given, unbound))
        raise


def _protocol(mailport: Mailport, direction: Direction, form: Mapping[str, Any]) -> str:
    """Return the protocol of a form; without one the library says which there are."""
    named = form.get("protocol")
    return named if isinstance(named, str) else mailport.account(form, direction).protocol


def _without_retired(mailport: Mailport, direction: Direction, form: Mapping[str, Any], stored: Stored) -> Mapping[str, Any]:
    """Drop what an earlier release of the plugin stored and this one does not know: the form only carries it back."""
    try:
        mailport.account(form, direction)
    except ConfigurationError as error:
        unknown = {problem.field for problem in error.problems if problem.code == "settings.unknown_field"}
        carried = {name for name in unknown & set(stored.values) if form[name] == stored.values[name]}
        return {name: value for name, value in form.items() if name not in carried}
    return form


def _with_others(
    mailport: Mailport, direction: Direction, given: Mapping[str, Any], unbound: ConfigurationError
) -> list[Problem]:
    """Return what else is wrong with the form, before the secret that must be entered again; empty if nothing is."""
    try:
        mailport.account(given, direction)
    except ConfigurationError as error:
        others = [problem for problem in error.problems if problem.field != unbound.field]
        return [*others, Problem(unbound.field or "", unbound.code, unbound.message)] if others else []
    return []


def account_of(mailport: Mailport, direction: Direction, stored: Stored) -> Account:
    """Return the account of stored settings, written by this or an earlier release of its plugin.

    Fields that the plugin does not know any more are left out, and logged; they stay stored.
    """
    try:
        return mailport.account(stored.flat, direction)
    except ConfigurationError as error:
        retired = {problem.field for problem in error.problems if problem.code == "settings.unknown_field"}
        if not retired:
            raise
    _log.warning("%s knows these stored fields no more: %s", stored.values["protocol"], ", ".join(sorted(retired)))
    return mailport.account({name: value for name, value in stored.flat.items() if name not in retired}, direction)


def hidden_changes(account: Account, old: Mapping[str, Any]) -> list[Problem]:
    """Return a problem for every field that only the operator may set and that differs from what is stored."""
    fields = {name: field for name, field in type(account.settings).model_fields.items() if hint(field, "x-operator-only")}
    new = account.settings.model_dump(mode="json", include=set(fields))
    return [
        Problem(name, "settings.operator_only", f"{field.title or name} can be set by the operator only.")
        for name, field in fields.items()
        if new[name] != old.get(name, field.get_default())
    ]


def problems_of(model: type[BaseModel], values: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with ``values`` of a model of ours, field by field."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
        return [_problem(model, str((detail["loc"] or ("",))[0]), str(detail["msg"])) for detail in details]
    return []


def _problem(model: type[BaseModel], name: str, said: str) -> Problem:
    label = model.model_fields[name].title if name in model.model_fields else None
    return Problem(name, "settings.invalid", f"{label or name}: {said.removeprefix('Value error, ')}")


def refuse(problems: Iterable[Problem]) -> None:
    """Raise a ``ConfigurationError`` that names every problem, if there is one."""
    found = tuple(problems)
    if found:
        raise ConfigurationError(" ".join(problem.message for problem in found), problems=found)
