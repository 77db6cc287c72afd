"""Text of strangers as every database can keep it."""

from __future__ import annotations

import re

__all__ = ["storable"]

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # what PostgreSQL or UTF-8 cannot hold


def storable(text: str) -> str:
    """Return ``text`` with a sign for every character that cannot be stored."""
    return _UNSTORABLE.sub("\ufffd", text)
