"""What a POP3 session works on: the messages as they were at the sign-in, by keys that outlive the session.

All of it blocks: it runs in the connection's thread.
"""

from __future__ import annotations

import hashlib
import poplib
from dataclasses import dataclass

from mailport.errors import NotFound, UnsupportedFeature
from mailport_smtp.pop3.transfer import Transfer
from mailport_smtp.pop3.wire import Client, is_refusal

__all__ = ["Entry", "Maildrop"]

_CHANGING = (b"status:", b"x-status:", b"x-uidl:", b"x-uid:", b"x-keywords:")
"""Fields that some servers write into a message themselves."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message: its number in this session, its key in every session."""

    number: int
    key: str
    size: int | None


class Maildrop:
    """The messages of one session; a message on its way is put aside before anything else is asked."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._entries: dict[str, Entry] | None = None
        self._deleted: set[str] = set()
        self._under_way: Transfer | None = None

    def entries(self) -> dict[str, Entry]:
        """Return the messages by key, in the order of their numbers."""
        if self._entries is None:
            self._free()
            sizes = _pairs(self._client.lines("LIST"))
            keys = self._keys(list(sizes))
            listed = [Entry(number, keys[number], _size(sizes[number])) for number in sorted(sizes) if number in keys]
            # Identical copies may have one UIDL (RFC 1939): the first stands for all.
            found: dict[str, Entry] = {}
            for entry in listed:
                found.setdefault(entry.key, entry)
            self._entries = found
        return self._entries

    def begin(self, key: str) -> Transfer:
        """Begin to read a message; raises ``NotFound`` for one that is not there any more."""
        entry = self.entries().get(key)
        if entry is None or key in self._deleted:
            raise NotFound("The message is gone.", code="read.gone")
        self._free()
        self._client.command(f"RETR {entry.number}")
        self._under_way = Transfer(self._client.reader, entry.size)
        return self._under_way

    def header(self, entry: Entry) -> list[bytes]:
        """Return the lines of a message's header."""
        self._free()
        lines = self._client.lines(f"TOP {entry.number} 0")
        return lines[: lines.index(b"")] if b"" in lines else lines

    def delete(self, key: str) -> bool:
        """Mark a message as deleted; whether it is there. The server deletes at the end of the session."""
        entry = self.entries().get(key)
        if entry is None:
            return False
        if key not in self._deleted:
            self._free()
            self._client.command(f"DELE {entry.number}")
            self._deleted.add(key)
        return True

    def quit(self) -> None:
        """End the session, which commits the deletions."""
        self._free()
        self._client.command("QUIT")

    def _free(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.put_aside()

    def _keys(self, numbers: list[int]) -> dict[int, str]:
        try:
            found = _pairs(self._client.lines("UIDL"))
        except poplib.error_proto as error:
            if not is_refusal(error):
                raise
            return {number: self._digest(number) for number in numbers}
        return {number: words.decode("ascii", "replace") for number, words in found.items() if words}

    def _digest(self, number: int) -> str:
        """Return a key for a server without UIDL: a digest of the header, which two messages hardly share."""
        try:
            lines = self.header(Entry(number, "", None))
        except poplib.error_proto as error:
            if not is_refusal(error):
                raise
            raise UnsupportedFeature(
                "The server knows neither UIDL nor TOP, so messages cannot be recognised again.",
                code="read.keys",
                field="host",
                remedy="Read this mailbox by IMAP, or have the server updated.",
            ) from error
        lasting = [line for line in lines if not line.lower().startswith(_CHANGING)]
        return "top-" + hashlib.sha256(b"\n".join(lasting)).hexdigest()[:32]


def _pairs(lines: list[bytes]) -> dict[int, bytes]:
    """Return what a listing says of each number."""
    words = [line.split(maxsplit=2) for line in lines]
    return {int(first): rest[0] if rest else b"" for first, *rest in filter(None, words) if first.isdigit()}


def _size(words: bytes) -> int | None:
    return int(words) if words.isdigit() else None
