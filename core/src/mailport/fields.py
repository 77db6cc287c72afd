"""What a plugin declares about its settings: one flat model per authentication option, as data.

Nothing here opens a connection or imports a protocol library. Which field is shown when is never written by hand: a field is
shown for the options whose model has it (``forms.py`` draws the consequences).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from mailport.address import Address
from mailport.errors import ConfigurationError

__all__ = [
    "Capabilities",
    "ComponentType",
    "Direction",
    "MailAddress",
    "ProtocolFields",
    "Secret",
    "Settings",
    "setting",
]


class Direction(StrEnum):
    """Which way the mail of an account goes."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


class ComponentType(StrEnum):
    """Basic: password logins and TLS 1.0 at most, for old servers. Advanced: every login, TLS 1.2 and up."""

    BASIC = "basic"
    ADVANCED = "advanced"


Secret = SecretStr
"""The type of a secret setting: never shown by ``repr``, ``writeOnly`` in the schema."""


def _mail_address(value: str) -> str:
    try:
        return Address(value.strip()).mailbox
    except ConfigurationError as error:
        raise PydanticCustomError("address", "{reason}", {"reason": str(error), "remedy": error.remedy}) from error


MailAddress = Annotated[str, AfterValidator(_mail_address)]
"""The type of a setting that is one mail address."""


def setting(
    default: Any = ...,
    *,
    label: str,
    help: str = "",  # noqa: A002 - the word a form uses
    placeholder: str = "",
    group: str = "",
    binds: bool = False,
    advanced: bool = False,
    operator_only: bool = False,
    choices: Mapping[str, str] | None = None,
    suggest: Mapping[str, Mapping[str, Any]] | None = None,
    **constraints: Any,
) -> Any:
    """Declare one field of a settings model.

    ``binds`` says that the field decides where a secret goes or whose it is: a stored secret is not used with unsaved
    values when it changed. ``choices`` maps values to labels. ``suggest`` maps another field to {its value: value to
    suggest here}; a form offers it and never sets it. ``constraints`` are pydantic's (``ge``, ``le``, ``max_length``).
    """
    hints: dict[str, Any] = {
        "x-group": group or ("advanced" if advanced else None),
        "x-placeholder": placeholder,
        "x-binds-secret": binds,
        "x-operator-only": operator_only,
        "x-choices": dict(choices or {}),
        "x-suggest": {name: dict(values) for name, values in (suggest or {}).items()},
    }
    extra = {key: value for key, value in hints.items() if value}
    return Field(default, title=label, description=help or None, json_schema_extra=extra, **constraints)


class Settings(BaseModel):
    """What the settings model of one authentication option extends.

    The model's ``authentication`` field is a ``Literal`` with one value: the option it stands for. ``component_types`` are
    those that may use it for receiving; ``tls_field`` names the field by which an account uses TLS unless it says "none".
    """

    # Models are built when first used, so that discovering many plugins stays cheap.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True)

    component_types: ClassVar[frozenset[ComponentType]] = frozenset(ComponentType)
    tls_field: ClassVar[str | None] = None

    @classmethod
    def option(cls) -> str:
        """Return the authentication that this model stands for."""
        value: str = get_args(cls.model_fields["authentication"].annotation)[0]
        return value

    @classmethod
    def binding_fields(cls) -> frozenset[str]:
        """Return the names of the fields that bind a secret: destination and identity."""
        return frozenset(name for name, field in cls.model_fields.items() if hint(field, "x-binds-secret"))

    @classmethod
    @cache  # asked for every text that is redacted
    def secret_fields(cls) -> frozenset[str]:
        """Return the names of the fields that hold a secret."""
        return frozenset(name for name, field in cls.model_fields.items() if is_secret(field))

    def secrets(self) -> Iterator[str]:
        """Yield every secret value that is set."""
        for name in self.secret_fields():
            value = getattr(self, name)
            if value is not None and value.get_secret_value():
                yield value.get_secret_value()


def hint(field: FieldInfo, name: str) -> Any:
    """Return an ``x-`` hint of a field, or None."""
    extra = field.json_schema_extra
    return extra.get(name) if isinstance(extra, dict) else None


def is_secret(field: FieldInfo) -> bool:
    """Whether the field holds a secret, optional or not."""
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a protocol can do, for hosts that offer only what works.

    ``folders``: messages can be moved; ``mark_read``: they can be marked; ``lookup``: a sent message can be found again by
    its Message-ID; ``local``: nothing leaves the machine (shown as "local").
    """

    folders: bool = False
    mark_read: bool = False
    lookup: bool = False
    push: bool = False
    local: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolFields:
    """One protocol of a plugin, as data.

    ``key`` is what stored settings name (``smtp``); ``outgoing`` and ``incoming`` are the settings models, one per
    authentication option, the default first; an empty tuple means that the protocol lacks the direction.
    """

    key: str
    title: str
    outgoing: tuple[type[Settings], ...] = ()
    incoming: tuple[type[Settings], ...] = ()
    capabilities: Capabilities = Capabilities()

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The directions that the protocol has."""
        return tuple(direction for direction in Direction if self.models(direction))

    def models(self, direction: Direction) -> tuple[type[Settings], ...]:
        """Return the settings models of a direction, the default first."""
        return self.outgoing if direction is Direction.OUTGOING else self.incoming

    def options(self, direction: Direction, component: ComponentType | None = None) -> tuple[str, ...]:
        """Return the authentication options of a direction, of those that fit ``component`` if it is given."""
        models = self.models(direction)
        return tuple(m.option() for m in models if component is None or component in m.component_types)

    def settle(self, direction: Direction, current: str | None) -> str:
        """Return ``current`` if the direction offers it, else its default: what a form does when the protocol changes."""
        options = self.options(direction)
        return current if current in options else options[0]
