"""What an SMTP server says: replies out of bytes, and the extensions it offers. Pure; bounded against endless replies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Extensions", "Malformed", "Replies", "Reply"]

_LONGEST = 32 * 1024
"""Bytes of a whole reply; the longest EHLO answers have a few thousand."""
_LINE = re.compile(rb"(\d{3})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?=\s|$)\s*")


class Malformed(Exception):
    """What came is no SMTP reply; the connection is of no use any more."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: its code, and the text of its lines."""

    code: int
    lines: tuple[str, ...]

    @property
    def is_positive(self) -> bool:
        """Whether the server did what it was asked."""
        return 200 <= self.code < 300

    @property
    def is_transient(self) -> bool:
        """Whether the same may work later."""
        return 400 <= self.code < 500

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code (RFC 2034) of the first line that has one."""
        return next((found[1] for line in self.lines if (found := _ENHANCED.match(line))), None)

    @property
    def text(self) -> str:
        """The lines without their enhanced codes, joined."""
        return " ".join(_ENHANCED.sub("", line, count=1) if _ENHANCED.match(line) else line for line in self.lines)


class Replies:
    """Collects bytes and gives out whole replies."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines: list[str] = []
        self._length = 0

    def feed(self, data: bytes) -> list[Reply]:
        """Return the replies that ``data`` completes. Raises ``Malformed``."""
        self._buffer += data
        whole = self._buffer.rfind(b"\n") + 1
        lines = bytes(self._buffer[:whole]).split(b"\n")[:-1]
        del self._buffer[:whole]
        replies = [reply for line in lines if (reply := self._line(line)) is not None]
        if self._length + len(self._buffer) > _LONGEST:
            raise Malformed("the reply never ends")
        return replies

    def _line(self, line: bytes) -> Reply | None:
        found = _LINE.fullmatch(line.rstrip(b"\r"))
        if found is None:
            raise Malformed(f"not an SMTP reply: {line[:80].decode('utf-8', 'replace')}")
        self._lines.append((found[3] or b"").decode("utf-8", "replace").strip())
        self._length += len(line)
        if self._length > _LONGEST:
            raise Malformed("the reply never ends")
        if found[2] == b"-":
            return None
        reply = Reply(int(found[1]), tuple(self._lines))
        self._lines, self._length = [], 0
        return reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Extensions:
    """What the server offers after EHLO; ``size`` is its limit in octets, None where it names none."""

    pipelining: bool = False
    announces_size: bool = False
    size: int | None = None
    eight_bit: bool = False
    smtputf8: bool = False

    @classmethod
    def of(cls, offered: Mapping[str, str]) -> Extensions:
        """Read the keywords (in lower case) and parameters of an EHLO answer."""
        size = offered.get("size", "").strip()
        return cls(
            pipelining="pipelining" in offered,
            announces_size="size" in offered,
            size=int(size) if size.isdecimal() and int(size) else None,
            eight_bit="8bitmime" in offered,
            smtputf8="smtputf8" in offered,
        )
