"""Account files: TOML with the names of the settings, flat, and secrets that stand elsewhere.

    protocol = "smtp"
    direction = "outgoing"                   # only needed where the protocol has both
    host = "mail.example.org"
    user_name = "desk@example.org"
    password = { env = "DESK_PASSWORD" }     # or { file = "desk.password" }, relative to the account file

    [custom]                                 # the host's own fields

Any field may come from ``env`` or ``file``: certificates are easier kept in files of their own.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mailport.errors import ConfigurationError
from mailport.fields import Direction, ProtocolFields

if TYPE_CHECKING:
    from mailport.account import Account

__all__ = ["AccountFile"]

_TEXT = "Check that this is the file you mean; it must be text in UTF-8."
MAX_SIZE = 1 << 20
"""Bytes; whatever is bigger is neither settings nor a secret, and a device never ends."""


class Host(Protocol):
    """What an account is made by: ``mailport.Mailport`` or ``mailport.blocking.Mailport``."""

    def protocol(self, key: str) -> ProtocolFields:
        """Return an installed protocol."""

    def account(self, values: Mapping[str, Any], direction: Direction | str = ...) -> Account:
        """Return the account that ``values`` describe."""


@dataclass(frozen=True, kw_only=True)
class AccountFile:
    """What one account file says: ``values`` with every reference resolved.

    ``referred`` are the fields whose value came from the environment or another file.
    """

    path: Path
    values: Mapping[str, Any] = field(repr=False)
    referred: frozenset[str] = frozenset()

    @classmethod
    def read(cls, path: Path | str, environ: Mapping[str, str] = os.environ) -> AccountFile:
        """Read a file. Raises ``ConfigurationError`` that names the file, and the line or the field at fault."""
        path = Path(path)
        with _naming(path):
            values = _parse(_text(path))
            referred = {name for name, value in values.items() if isinstance(value, dict) and name != "custom"}
            resolved = {name: _resolve(name, values[name], path.parent, environ) for name in referred}
        return cls(path=path, values=values | resolved, referred=frozenset(referred))

    def direction(self, protocol: ProtocolFields) -> Direction:
        """Return the direction that the file names, else the one its protocol has; outgoing where it has both."""
        named = self.values.get("direction", next(iter(protocol.directions)).value)
        if named not in Direction.__members__.values():
            raise ConfigurationError(
                f"“{str(named)[:60]}” is no direction.",
                code="settings.direction",
                field="direction",
                remedy="Write outgoing or incoming.",
            )
        return Direction(named)

    def literal_secrets(self, protocol: ProtocolFields) -> tuple[str, ...]:
        """Return the secret fields whose value stands in the file itself."""
        secrets = {name for model in (*protocol.outgoing, *protocol.incoming) for name in model.secret_fields()}
        return tuple(name for name in self.values if name in secrets - self.referred)

    def account(self, host: Host, direction: Direction | str | None = None) -> Account:
        """Return the account; ``direction`` overrides the file's. Raises ``ConfigurationError`` that names the file."""
        with _naming(self.path):
            if not isinstance(self.values.get("protocol"), str):
                return host.account(self.values)  # which says what is missing
            own = self.direction(host.protocol(self.values["protocol"]))
            return host.account(self.values, direction or own)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{path}: {error.message}", problems=error.problems, code=error.code, field=error.field, remedy=error.remedy
        ) from error


def _text(path: Path) -> str:
    """Return what a small text file says; a byte order mark, as some editors write it, is left out."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unreadable(getattr(error, "strerror", None) or str(error)) from error
    if len(data) > MAX_SIZE:
        raise _unreadable("larger than 1 MB", _TEXT)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable("no text in UTF-8", _TEXT) from error


def _parse(text: str) -> dict[str, Any]:
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(
            f"This is no TOML: {error}.", code="settings.file", remedy='Write each setting as name = "value" on a line.'
        ) from error
    if not isinstance(values.get("custom", {}), dict):
        raise ConfigurationError("custom is no table.", code="settings.file", field="custom", remedy="Write [custom].")
    return values


def _resolve(name: str, reference: dict[str, Any], folder: Path, environ: Mapping[str, str]) -> str:
    match reference:
        case {"env": str(variable)} if len(reference) == 1:
            return _from_environment(name, variable, environ)
        case {"file": str(file)} if len(reference) == 1:
            return _from_file(name, folder / file)
    raise ConfigurationError(
        f"{name} is a table.",
        code="settings.reference",
        field=name,
        remedy='Write { env = "NAME" } or { file = "path" }; a host\'s own tables belong under [custom].',
    )


def _from_environment(name: str, variable: str, environ: Mapping[str, str]) -> str:
    value = environ.get(variable, "")
    if not value:
        state = "empty" if variable in environ else "not set"
        raise ConfigurationError(
            f"{name}: the environment variable {variable} is {state}.",
            code="settings.secret_missing",
            field=name,
            remedy=f"Set {variable}.",
        )
    return value


def _from_file(name: str, path: Path) -> str:
    try:
        text = _text(path)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{name}: {path}: {error.message}", code="settings.secret_missing", field=name, remedy=error.remedy
        ) from error
    # The line end that an editor adds is no part of a secret.
    return text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")


def _unreadable(why: str, remedy: str = "Check its name and its permissions.") -> ConfigurationError:
    return ConfigurationError(f"The file cannot be read: {why}.", code="settings.file", remedy=remedy)
