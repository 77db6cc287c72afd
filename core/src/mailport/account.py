"""An account: one protocol in one direction, with validated settings and rules."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from pydantic import BaseModel

from mailport.errors import ConfigurationError, Problem
from mailport.fields import ComponentType, Direction, ProtocolFields, Settings
from mailport.problems import problems_of, unknown_field
from mailport.rules import IncomingRules, OutgoingRules

__all__ = ["Account", "check_component", "check_direction", "validate", "with_stored_secrets"]

RECEIVE_TIMEOUT = 100.0
"""Seconds an incoming account waits for its server; the default of Send Mail Timeout, which only outgoing accounts have."""

_HIDDEN = "••••••"
_PROCESS = secrets.token_bytes(32)
_SHORTEST_SECRET = 4  # hiding every "x" of a text would hide the text, not the secret


@dataclass(frozen=True, kw_only=True)
class Account:
    """Validated settings for one protocol and direction; built by ``Mailport.account``.

    ``ignored`` are stored values of options that are not chosen, ``custom`` the host's own fields; neither influences
    sending.
    """

    protocol: str
    direction: Direction
    settings: Settings
    rules: OutgoingRules | IncomingRules
    custom: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    ignored: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def timeout(self) -> float:
        """Seconds without progress after which an operation on this account has timed out."""
        return self.rules.send_mail_timeout if isinstance(self.rules, OutgoingRules) else RECEIVE_TIMEOUT

    @property
    def component(self) -> ComponentType:
        """The component type; outgoing accounts follow the rules of Advanced."""
        is_incoming = isinstance(self.rules, IncomingRules)
        return cast("IncomingRules", self.rules).email_component_type if is_incoming else ComponentType.ADVANCED

    @property
    def user_name(self) -> str:
        """The mailbox in User Name, or an empty string where the protocol has none."""
        return str(getattr(self.settings, "user_name", "") or "")

    @property
    def tls(self) -> bool | None:
        """Whether connections are encrypted; None where no field decides it."""
        field = self.settings.tls_field
        return None if field is None else str(getattr(self.settings, field)).lower() != "none"

    @property
    def weaknesses(self) -> tuple[str, ...]:
        """What makes the connections of this account less safe than usual, for people and for the log (SEC-02)."""
        if self.tls is False:
            return ("credentials travel without encryption",) if any(self.settings.secrets()) else ()
        if self.component is ComponentType.BASIC:
            return ("speaks TLS 1.0, and checks certificates less strictly",) if self.tls else ()
        return ("allows TLS 1.1",) if getattr(self.settings, "minimum_tls_version", "") == "1.1" else ()

    @cached_property
    def key(self) -> str:
        """A digest of everything that decides which session may be used, secrets included.

        It counts in this process only: under a key that nobody knows, a short password cannot be guessed from it.
        """
        plain = self.settings.model_dump_json() + "".join(sorted(self.settings.secrets()))
        text = f"{self.protocol}\n{self.direction}\n{self.component}\n{self.timeout}\n{plain}"
        return hashlib.blake2b(text.encode(), key=_PROCESS, digest_size=16).hexdigest()

    def redact(self, text: str) -> str:
        """Return ``text`` without this account's secrets, also where they stand in base64."""
        for secret in (secret for secret in self.settings.secrets() if len(secret) >= _SHORTEST_SECRET):
            for form in (secret, base64.b64encode(secret.encode()).decode()):
                text = text.replace(form, _HIDDEN)
        return text


def validate(
    protocol: ProtocolFields, direction: Direction, values: Mapping[str, Any], others: Iterable[ProtocolFields] = ()
) -> Account:
    """Return the account that ``values`` (flat, by field name) describe.

    Raises ``ConfigurationError`` whose ``problems`` name every field at fault. Values of the protocol's other options are
    kept and ignored; a name that nobody knows is an error with a suggestion. ``others`` are further protocols: a name that
    only they know is no misspelt one.
    """
    model = _model(protocol, direction, values)
    rules = OutgoingRules if direction is Direction.OUTGOING else IncomingRules
    own, ruled, ignored, unknown = _sort_out(protocol, model, rules, values)
    problems = [*_unknown(unknown, protocol, others), *problems_of(model, own), *problems_of(rules, ruled)]
    if problems:
        raise ConfigurationError(" ".join(problem.message for problem in problems), problems=tuple(problems))
    account = Account(
        protocol=protocol.key,
        direction=direction,
        settings=model.model_validate(own),
        rules=rules.model_validate(ruled),
        custom=values.get("custom") or {},
        ignored=ignored,
    )
    check_component(protocol, account)
    return account


def with_stored_secrets(
    protocol: ProtocolFields, direction: Direction, form: Mapping[str, Any], stored: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values of an unsaved form, with the stored secrets that it left empty (TST-08).

    Raises ``ConfigurationError`` at the secret's field when a field that binds it changed: a secret must not travel to another
    server, or for another identity, without a person who knows it.
    """
    model = _model(protocol, direction, form)
    empty = [name for name in sorted(model.secret_fields()) if not form.get(name) and stored.get(name)]
    changed = [name for name in sorted(model.binding_fields()) if _value(model, form, name) != _value(model, stored, name)]
    changed += ["protocol"] if form.get("protocol") != stored.get("protocol") else []
    if empty and changed:
        labels = ", ".join(str(model.model_fields[name].title) if name in model.model_fields else name for name in changed)
        raise ConfigurationError(
            f"{model.model_fields[empty[0]].title} must be entered again, because this changed: {labels}.",
            code="settings.secret_unbound",
            field=empty[0],
            remedy="Enter it once more.",
        )
    return dict(form) | {name: stored[name] for name in empty}


def _value(model: type[Settings], values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return str(model.model_fields[name].get_default() if value is None else value)


def check_direction(account: Account, wanted: Direction) -> None:
    """Refuse to send through an account that receives, or the other way round."""
    if account.direction is wanted:
        return
    said = "receives; it cannot send" if wanted is Direction.OUTGOING else "sends; it cannot receive"
    raise ConfigurationError(
        f"This account {said}.", code="settings.direction", field="protocol", remedy=f"Name the account for {wanted} mail."
    )


def check_component(protocol: ProtocolFields, account: Account) -> None:
    """Refuse an authentication that the inbox's component type does not offer (CMP-04)."""
    if account.direction is Direction.OUTGOING or account.component in account.settings.component_types:
        return
    allowed = ", ".join(protocol.options(Direction.INCOMING, account.component)) or "none"
    raise ConfigurationError(
        f"Component type {account.component.title()} does not offer authentication "
        f"“{account.settings.option()}” for {protocol.title}.",
        code="settings.component_type",
        field="authentication",
        remedy=f"Choose one of: {allowed}; or choose another component type.",
    )


def _model(protocol: ProtocolFields, direction: Direction, values: Mapping[str, Any]) -> type[Settings]:
    models = protocol.models(direction)
    if not models:
        raise ConfigurationError(
            f"{protocol.title} has no {direction} direction.",
            code="settings.direction",
            field="protocol",
            remedy=f"Choose a protocol with {direction} mail.",
        )
    wanted = values.get("authentication", models[0].option())
    for model in models:
        if model.option() == wanted:
            return model
    raise ConfigurationError(
        f"{protocol.title} does not offer authentication “{wanted}”.",
        code="settings.authentication",
        field="authentication",
        remedy=f"Choose one of: {', '.join(protocol.options(direction))}.",
    )


def _sort_out(
    protocol: ProtocolFields, model: type[Settings], rules: type[BaseModel], values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], list[str]]:
    known = _names(protocol)
    own = {name: value for name, value in values.items() if name in model.model_fields}
    ruled = {name: value for name, value in values.items() if name in rules.model_fields}
    taken = {*own, *ruled, "protocol", "direction", "custom"}
    ignored = {name: value for name, value in values.items() if name in known and name not in taken}
    own.setdefault("authentication", model.option())
    return own, ruled, ignored, [name for name in values if name not in known]


def _unknown(names: Iterable[str], protocol: ProtocolFields, others: Iterable[ProtocolFields]) -> list[Problem]:
    return [
        unknown_field(
            name, _names(protocol), title=protocol.title, elsewhere={name for other in others for name in _names(other)}
        )
        for name in names
    ]


def _names(protocol: ProtocolFields) -> set[str]:
    """Return every name that may stand among the settings of the protocol."""
    own = {name for model in (*protocol.outgoing, *protocol.incoming) for name in model.model_fields}
    return own | {*OutgoingRules.model_fields, *IncomingRules.model_fields, "protocol", "direction", "custom"}
