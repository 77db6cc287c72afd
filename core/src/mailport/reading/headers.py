"""The header block: where it ends, and what its fields say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from mailport.address import Address
from mailport.errors import ConfigurationError
from mailport.reading.mailboxes import mailboxes
from mailport.reading.words import decode_text

__all__ = ["HEADER_LIMIT", "Headers", "Original", "fields", "head_end", "split_headers"]

Original = bytes | Path
"""The bytes a message was read from, or the file that holds them."""

HEADER_LIMIT = 1 << 20
"""Headers beyond this many bytes are not read: no honest message has them."""

_BLANK_LINE = re.compile(rb"\n\r?\n")
_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*+)", re.MULTILINE)
_CONTENT_FIELD = re.compile(rb"^(content-[!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*+)", re.MULTILINE | re.IGNORECASE)
# The first line of a mailbox file (mboxrd) is no field, but belongs to the head.
_HEAD_LINE = re.compile(rb"[!-9;-~]+[ \t]*:|>?From ")
_HEAD_LINES = re.compile(rb"(?:(?:[!-9;-~]+[ \t]*:|>?From |[ \t])[^\n]*(?:\n|\Z))*+")
_BRACKETED = re.compile(r"<([^<>\s]+)>")
_DATE_LENGTH = 200


def split_headers(original: Original) -> tuple[bytes, int]:
    """Return the header block with its final line end, and the offset at which the body starts."""
    if isinstance(original, bytes):
        data = original
    else:
        with original.open("rb") as file:
            data = file.read(HEADER_LIMIT)
    end, body = head_end(data, 0, len(data))
    return data[:end], body


def head_end(data: bytes, start: int, stop: int) -> tuple[int, int]:
    """Return where the header block that begins at ``start`` ends, and where the body begins.

    Lines that are no fields are passed over. Where no empty line follows, the body begins at the first of them; where it is
    the very first line, there are no headers at all.
    """
    if data.startswith((b"\r\n", b"\n"), start, stop):
        return start, data.index(b"\n", start) + 1
    if not _HEAD_LINE.match(data, start, stop):
        return start, start
    limit = min(stop, start + HEADER_LIMIT)
    if blank := _BLANK_LINE.search(data, start, limit):
        return blank.start() + 1, blank.end()
    found = _HEAD_LINES.match(data, start, limit)
    end = found.end() if found else start
    return end, end


def fields(block: bytes, *, content_only: bool = False) -> Iterator[tuple[str, str]]:
    """Yield the names and unfolded values of a header block, not decoded: octets beyond UTF-8 stand as lone surrogates."""
    for found in (_CONTENT_FIELD if content_only else _FIELD).finditer(block):
        value = found[2]
        if b"\n" in value:
            value = value.replace(b"\r\n", b"").replace(b"\n", b"")
        yield found[1].decode("ascii"), value.decode("utf-8", "surrogateescape").strip()


class Headers:
    """The headers of a received message, by name without regard to case; ``items`` are the decoded ones in order."""

    def __init__(self, original: Original) -> None:
        raw = tuple(fields(split_headers(original)[0]))
        self.items = tuple((name, decode_text(value)) for name, value in raw)
        self._raw: dict[str, list[str]] = {}
        for name, value in raw:
            self._raw.setdefault(name.lower(), []).append(value)

    def get(self, name: str) -> str:
        """Return the first value of ``name`` (in lower case), or an empty string."""
        values = self._raw.get(name)
        return decode_text(values[0]) if values else ""

    def addresses(self, name: str) -> tuple[Address, ...]:
        """Return the readable addresses of every header ``name``; what is no address is left out."""
        return tuple(entry for entry in self.mailboxes(name) if isinstance(entry, Address))

    def mailboxes(self, name: str) -> Iterator[Address | ConfigurationError]:
        """Yield every entry of every header ``name``, what is no address as the error that says why."""
        for value in self._raw.get(name, ()):
            yield from mailboxes(value)

    def ids(self, name: str) -> tuple[str, ...]:
        """Return the message ids in header ``name``, with angle brackets."""
        value = self.get(name)
        found = _BRACKETED.findall(value) or (piece.strip("<>") for piece in value.split())
        return tuple(f"<{one}>" for one in found if one)

    def date(self) -> datetime | None:
        """Return the Date header with a time zone, or None where it cannot be read."""
        with suppress(ValueError, TypeError, IndexError, OverflowError):
            date = parsedate_to_datetime(self.get("date")[:_DATE_LENGTH])
            return date if date.tzinfo else date.replace(tzinfo=UTC)
        return None
