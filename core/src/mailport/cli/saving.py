"""Files that are whole or absent: received messages and the cursor, written beside their name, synced and renamed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mailport.account import Account
from mailport.errors import ConfigurationError
from mailport.transport import Cursor, Delivery

__all__ = ["CursorFile", "Folder"]

_NO_CURSOR = "Name another file; this one is something else and is left alone."


@dataclass(frozen=True)
class Folder:
    """Where ``--save`` puts the messages of one account, each under a name that follows from its key.

    Keys are unique per mailbox only, and some servers' differ in upper and lower case alone. So the name holds a digest of
    the key and of the account's settings: a message of another mailbox is never taken for one that was saved before.
    """

    path: Path
    account: Account

    def prepare(self) -> None:
        """Create the folder. Raises ``ConfigurationError`` where nothing can be written."""
        with _naming(self.path, "--save"):
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=self.path):
                pass

    def file(self, key: str) -> Path:
        """Return the path of the message with this key."""
        place = f"{self.account.protocol}\n{self.account.settings.model_dump_json()}\n{key}"  # secrets are masked there
        digest = hashlib.sha256(place.encode()).hexdigest()[:16]
        return self.path / f"{re.sub(r'[^A-Za-z0-9]+', '_', key).strip('_')[:60] or 'message'}-{digest}.eml"

    async def save(self, delivery: Delivery, on_chunk: Callable[[int], None]) -> None:
        """Write a message as it comes; no more than a chunk is held in memory. ``on_chunk`` is told each one's size."""
        path = self.file(delivery.key)
        with _replacing(path, "--save") as file:
            async for chunk in delivery.chunks():
                with _naming(path, "--save"):
                    file.write(chunk)
                on_chunk(len(chunk))


@dataclass(frozen=True)
class CursorFile:
    """Where ``--cursor`` keeps the place up to which an account was read."""

    path: Path
    account: Account

    def read(self) -> Cursor:
        """Return the cursor, None where there is no file yet. Raises ``ConfigurationError`` for anything else."""
        with _naming(self.path, "--cursor"):
            if not self.path.exists():
                return None
            text = self.path.read_bytes()
        try:
            stored = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._wrong("holds no JSON", _NO_CURSOR) from error
        if not isinstance(stored, dict) or stored.keys() != self._as_dict(None).keys():
            raise self._wrong("holds no cursor", _NO_CURSOR)
        cursor: Cursor = stored["cursor"]
        if stored != self._as_dict(cursor):
            belongs = f"belongs to {stored['user_name']} by {stored['protocol']}"
            raise self._wrong(belongs, "Name another file, or remove this one to read the mailbox from the beginning.")
        return cursor

    def check(self) -> None:
        """Refuse a place that cannot be written, before anything is fetched."""
        with _naming(self.path, "--cursor"), tempfile.TemporaryFile(dir=self.path.parent):
            pass

    def write(self, cursor: Cursor) -> None:
        """Replace the file; call it when everything up to ``cursor`` is on disk."""
        with _replacing(self.path, "--cursor") as file:
            file.write(json.dumps(self._as_dict(cursor)).encode() + b"\n")

    def _as_dict(self, cursor: Cursor) -> dict[str, Cursor]:
        return {"protocol": self.account.protocol, "user_name": self.account.user_name, "cursor": cursor}

    def _wrong(self, why: str, remedy: str) -> ConfigurationError:
        return ConfigurationError(f"{self.path} {why}.", code="settings.cursor", field="--cursor", remedy=remedy)


@contextmanager
def _replacing(path: Path, option: str) -> Iterator[IO[bytes]]:
    """Yield a file that takes the place of ``path`` when the block ends well, and vanishes when it does not."""
    with _naming(path, option):
        file = tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False)  # noqa: SIM115 - closed below, and kept
    try:
        yield file
        with _naming(path, option):
            file.flush()
            os.fsync(file.fileno())
            file.close()
            Path(file.name).replace(path)
            _sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):  # closing flushes once more; a full disk was told already
            file.close()
        with suppress(OSError):
            Path(file.name).unlink()
        raise


def _sync_folder(folder: Path) -> None:
    """Make a rename last; systems that cannot sync a folder need not."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _naming(path: Path, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{path}: {error.strerror or error}.",
            code="settings.unwritable",
            field=option,
            remedy="Check the path, its permissions and the space left.",
        ) from error
