"""Text as every database can keep it: what strangers write is mended, what callers give is refused."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from pydantic import AfterValidator

__all__ = ["Text", "is_storable", "storable"]

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # what PostgreSQL or UTF-8 cannot hold


def storable(text: str) -> str:
    """Return ``text`` with a sign for every character that cannot be stored."""
    return _UNSTORABLE.sub("\ufffd", text)


def is_storable(value: Any) -> bool:
    """Whether every database can keep the value, and every wire carry it."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError):
        return False
    return "\\u0000" not in json.dumps(value).replace("\\\\", "")  # NUL, not the six characters


def _checked(text: str) -> str:
    if not is_storable(text):
        raise ValueError("it holds characters that cannot be stored")
    return text


Text = Annotated[str, AfterValidator(_checked)]
"""Text that every database can keep; other text is refused."""
