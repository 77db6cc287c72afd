"""The content transfer encodings (RFC 2045 section 6), forgiving: what is broken gives the octets that can be saved."""

from __future__ import annotations

from binascii import Error, a2b_qp, a2b_uu

from mailport.reading.words import from_base64

__all__ = ["decode"]

_UUENCODE = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})


def decode(encoded: bytes, encoding: str) -> bytes:
    """Return the octets; an unknown encoding is none."""
    if encoding == "base64":
        return from_base64(encoded)
    if encoding == "quoted-printable":
        return a2b_qp(encoded)
    return _from_uu(encoded) if encoding in _UUENCODE else encoded


def _from_uu(encoded: bytes) -> bytes:
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
