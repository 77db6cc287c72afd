"""Secrets at rest: AES-256-GCM, bound to the tenant, the record and the field they belong to.

A sealed secret reads ``v1.<key id>.<base64 of nonce, ciphertext and tag>``. Moved to another row it cannot be opened. A key
ring holds several keys: the first one seals, all of them open, so that keys rotate while the service runs.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailport.errors import ConfigurationError, MailportError

__all__ = ["KeyRing", "Place", "SealBroken", "keys_of_file", "new_key"]

_VERSION = "v1"
_KEY_BYTES = 32
_NONCE_BYTES = 12  # what GCM is made for; random nonces are safe for 2**32 secrets under one key
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class SealBroken(MailportError):
    """A stored secret cannot be opened: its key is not in the ring, or it does not belong to this row."""

    default_code = "secret.unreadable"


class Row(Protocol):
    """A row of a tenant, with secrets in a column of that name."""

    @property
    def tenant_id(self) -> str: ...
    @property
    def id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a secret belongs: it opens nowhere else."""

    tenant: str
    record: str
    field: str

    @classmethod
    def of(cls, row: Row, name: str) -> Self:
        """Return the place of the secret ``name`` of a row."""
        return cls(row.tenant_id, row.id, name)

    @property
    def authenticated(self) -> bytes:
        """The associated data of the cipher; a bar inside a part would make two places look alike."""
        if any("|" in part for part in (self.tenant, self.record, self.field)):
            raise ValueError("a part of a place holds a bar")
        return f"{self.tenant}|{self.record}|{self.field}".encode()


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by their id; the first one seals."""

    keys: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.keys:
            raise _bad_ring("holds no key")

    @property
    def current(self) -> str:
        """The id of the key that seals."""
        return next(iter(self.keys))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``id:base64`` entries, separated by commas or lines. Raises ``ConfigurationError``."""
        keys: dict[str, bytes] = {}
        for entry in filter(None, (part.strip() for part in re.split(r"[,\n]", text))):
            key_id, key = _parse_key(entry)
            if key_id in keys:
                raise _bad_ring(f"names the key “{key_id}” twice")
            keys[key_id] = key
        return cls(keys)

    def seal(self, secret: str, place: Place) -> str:
        """Return ``secret`` sealed for ``place``."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self.keys[self.current]).encrypt(nonce, secret.encode(), place.authenticated)
        return f"{_VERSION}.{self.current}.{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, place: Place) -> str:
        """Return the secret. Raises ``SealBroken``, which never repeats what was stored."""
        key_id, packed = _unpack(sealed, place)
        if key_id not in self.keys:
            raise _broken(place, f"its key “{key_id}” is not in the ring", "Put that key back into the key ring.")
        try:
            opened = AESGCM(self.keys[key_id]).decrypt(packed[:_NONCE_BYTES], packed[_NONCE_BYTES:], place.authenticated)
        except (InvalidTag, ValueError) as error:
            raise _broken(place, "it was changed, or belongs to another row", "Enter the secret again.") from error
        return opened.decode()

    def reseal(self, sealed: str, place: Place) -> str:
        """Return the secret under the current key; unchanged where it is that already."""
        return sealed if _unpack(sealed, place)[0] == self.current else self.seal(self.open(sealed, place), place)


def new_key(key_id: str | None = None) -> str:
    """Return a fresh entry for a key ring."""
    return f"{key_id or secrets.token_hex(4)}:{base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()}"


def keys_of_file(path: Path, *, create: bool = False) -> KeyRing:
    """Read the key ring of a file; with ``create``, make one where there is none, readable by its owner only."""
    if create and not path.exists():
        _create(path)
    try:
        return KeyRing.parse(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The key file {path} cannot be read: {type(error).__name__}.",
            code="settings.key_file",
            field="key_file",
            remedy="Set MAILPORT_KEYS or MAILPORT_KEY_FILE.",
        ) from error


def _create(path: Path) -> None:
    """Write the file aside and link it into place: of two processes that start at once, both read the key of the first."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(new_key() + "\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _parse_key(entry: str) -> tuple[str, bytes]:
    key_id, colon, encoded = entry.partition(":")
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not colon or not _KEY_ID.fullmatch(key_id) or len(key) != _KEY_BYTES:
        raise _bad_ring("has an entry that is not id:base64 of 32 bytes")
    return key_id, key


def _unpack(sealed: str, place: Place) -> tuple[str, bytes]:
    version, _, rest = sealed.partition(".")
    key_id, dot, encoded = rest.partition(".")
    if version != _VERSION or not dot:
        raise _broken(place, "it is in no known format", "Enter the secret again.")
    try:
        return key_id, base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _broken(place, "it is damaged", "Enter the secret again.") from error


def _bad_ring(said: str) -> ConfigurationError:
    return ConfigurationError(
        f"The key ring {said}.", code="settings.keys", field="keys", remedy="Make an entry with mailport-workspace new-key."
    )


def _broken(place: Place, said: str, remedy: str) -> SealBroken:
    return SealBroken(f"The stored secret “{place.field}” cannot be opened: {said}.", field=place.field, remedy=remedy)
