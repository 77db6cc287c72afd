"""The content transfer encodings (RFC 2045 section 6), forgiving: what is broken gives the octets that can be saved."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, a2b_qp, a2b_uu
from contextlib import suppress

__all__ = ["decode", "from_base64"]

_LARGE = 1 << 15
"""From here on the accelerator of ``mailport[fast]`` is worth its import."""

_PADDED_BREAK = re.compile(rb"=[ \t]++(?=\r?\n)")  # white space that a relay appended (RFC 2045 section 6.7, rule 3)
_MOST_BREAKS = 100_000
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_UUENCODE = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})


def decode(encoded: bytes, encoding: str) -> bytes:
    """Return the octets; an unknown encoding is none."""
    if encoding == "base64":
        return from_base64(encoded)
    if encoding == "quoted-printable":
        return a2b_qp(_PADDED_BREAK.sub(b"=", encoded, count=_MOST_BREAKS))
    return _from_uu(encoded) if encoding in _UUENCODE else encoded


def from_base64(data: bytes) -> bytes:
    """Decode base64 of which characters or the padding may be wrong or missing; what is no base64 at all is empty."""
    with suppress(Error, ImportError):
        return _fast_base64(data) if len(data) >= _LARGE and _ends_with_padding(data) else a2b_base64(data)
    with suppress(Error):
        return a2b_base64(data)
    kept = _NOT_BASE64.sub(b"", data)
    kept = kept[: len(kept) - (len(kept) % 4 == 1)]  # a single sextet is no octet
    return a2b_base64(kept + b"=" * (-len(kept) % 4))


def _fast_base64(data: bytes) -> bytes:
    from pybase64 import b64decode  # noqa: PLC0415 - the extra mailport[fast]; five times faster, with the same result

    return b64decode(data)


def _ends_with_padding(data: bytes) -> bool:
    """Whether nothing but padding follows the first ``=``: what else may follow, the two libraries read differently."""
    at = data.find(b"=")
    return at < 0 or not data[at:].translate(None, b"= \t\r\n")


def _from_uu(encoded: bytes) -> bytes:
    if encoded.count(b"\n") > _MOST_BREAKS + len(encoded) // 16:  # full lines have 61 characters: this is something else
        return encoded
    head, _, body = encoded.partition(b"begin ")
    lines = (body or head).splitlines()
    return b"".join(_uu_line(line) for line in (lines[1:] if body else lines))


def _uu_line(line: bytes) -> bytes:
    if not line or line.rstrip() == b"end":
        return b""
    try:
        return a2b_uu(line)
    except Error:  # Outlook pads a line with one character too many; its first says how many octets it has
        octets = (line[0] - 32) & 63
        try:
            return a2b_uu(line[: 1 + (octets * 4 + 5) // 3])
        except Error:
            return b""
