"""A clock that was put back: waits and leases that began in the future begin now, in every room."""

from __future__ import annotations

import logging
from datetime import datetime

from mailport_workspace.store import Store

__all__ = ["begin_what_is_ahead"]

_log = logging.getLogger(__name__)


async def begin_what_is_ahead(store: Store, moment: datetime) -> None:
    """Let what was begun after ``moment`` begin then. Where there is nothing, that is a look, for which nobody waits."""
    async with store.survey() as rows:
        if not await rows.is_ahead(moment):
            return
    async with store.operate() as rows:
        count = await rows.begin_at(moment)
    _log.warning("%s waits and leases had begun in the future: a clock was put back, or is ahead. They begin now.", count)
