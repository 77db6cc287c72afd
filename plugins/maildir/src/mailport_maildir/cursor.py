"""Cursors: the set of messages that were listed.

A Maildir has no order: files come with older names than others that are there already, moved by people or by a machine whose
clock is late. So a cursor says which of the messages that are still there were listed, eight bytes for each. It never loses
one; should another program rename a file in the moment of listing, that one is listed twice under the same key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable

from mailport.errors import NotFound
from mailport.transport import Cursor

__all__ = ["from_cursor", "mark", "to_cursor"]

_SIZE = 8  # among a million messages the chance that two share a mark is one in thirty million
_NAME = "maildir_seen"


def mark(key: str) -> bytes:
    """Return what stands for a message in a cursor."""
    return hashlib.blake2b(key.encode(), digest_size=_SIZE).digest()


def to_cursor(marks: Iterable[bytes]) -> Cursor:
    """Return the cursor of a set of messages."""
    return {_NAME: base64.b64encode(b"".join(sorted(marks))).decode("ascii")}


def from_cursor(cursor: Cursor) -> frozenset[bytes]:
    """Return the set of messages in a cursor. Raises ``NotFound`` for one that is not ours."""
    if cursor is None:
        return frozenset()
    packed = cursor.get(_NAME) if isinstance(cursor, dict) else None
    try:
        marks = base64.b64decode(str(packed), validate=True) if isinstance(packed, str) else b"?"
    except (binascii.Error, ValueError):
        marks = b"?"
    if len(marks) % _SIZE:
        raise NotFound("This cursor is not one of a Maildir.", code="read.cursor", remedy="Read from the beginning.")
    return frozenset(marks[at : at + _SIZE] for at in range(0, len(marks), _SIZE))
