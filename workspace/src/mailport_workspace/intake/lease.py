"""Leases: who works on a row, until when, and how long work goes on saying so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from mailport.errors import MailportError

__all__ = ["LEASE_SECONDS", "LeaseLost", "Reached", "kept", "nothing"]

LEASE_SECONDS = 60.0
"""How long a row stays with a worker that gives no sign of life."""

Reached = Callable[[str], None]
"""Told the places of the way that a mail has passed: ``staged``, ``processed``, ``acknowledged``."""

_log = logging.getLogger(__name__)


class LeaseLost(MailportError):
    """Somebody else works on the row by now: what was done here does not count, and is not repeated here."""

    default_code = "store.lease_lost"


def nothing(_place: str) -> None:
    """Take no notice of the places of the way."""


@asynccontextmanager
async def kept(
    renew: Callable[[], Awaitable[None]], give_back: Callable[[], Awaitable[None]], *, seconds: float
) -> AsyncIterator[None]:
    """Renew a lease of ``seconds`` while the block runs; give back what is left of it when it was stopped (REL-08)."""
    keeper = asyncio.create_task(_keep(renew, seconds / 3), name="keep a lease")
    try:
        yield
    except BaseException:
        await asyncio.shield(_try(give_back))
        raise
    finally:
        keeper.cancel()


async def _keep(renew: Callable[[], Awaitable[None]], every: float) -> None:
    while True:
        await asyncio.sleep(every)
        await _try(renew)


async def _try(act: Callable[[], Awaitable[None]]) -> None:
    try:
        await act()
    except MailportError as error:  # the database is away: the lease runs out by itself
        _log.warning("A lease could not be renewed or given back: %s", error.message)
