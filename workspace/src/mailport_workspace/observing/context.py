"""What a log line is about: tenant, inbox and mail stand on every line that is written meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from structlog.contextvars import bound_contextvars

__all__ = ["working_on"]


@contextmanager
def working_on(*, tenant: str = "", inbox: str = "", message: str = "") -> Iterator[None]:
    """Name what the work within the block is about; what is empty keeps the name that it has."""
    named = {"tenant": tenant, "inbox": inbox, "message": message}
    with bound_contextvars(**{name: value for name, value in named.items() if value}):
        yield
