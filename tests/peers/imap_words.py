"""The arguments of IMAP commands as text: atoms, quoted strings, and literals that were turned into quoted strings."""

import re

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\([^)]*\))|([^ ]+)', re.DOTALL)


def words(text: str) -> list[str]:
    """The arguments one by one, strings without their quotes; a parenthesized list stays one word."""
    return [_unquote(found[1]) if found[1] is not None else found[2] or found[3] for found in _WORD.finditer(text)]


def quote(text: str) -> str:
    """A quoted string."""
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped}"'


def decode(data: bytes) -> str:
    """UTF-8 text; other bytes survive the way back through `encode`."""
    return data.decode(errors="surrogateescape")


def encode(text: str) -> bytes:
    """The bytes that `decode` was given."""
    return text.encode(errors="surrogateescape")


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
