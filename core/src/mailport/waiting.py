"""How long a server asks to wait, as the header Retry-After says it."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["retry_after"]

_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]+)?")


def retry_after(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header: a number, or a date (RFC 9110 section 10.2.3). None for anything else."""
    value = (header or "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    with suppress(ValueError, TypeError):
        date = parsedate_to_datetime(value)
        until = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, (until - datetime.now(UTC)).total_seconds())
    return None
