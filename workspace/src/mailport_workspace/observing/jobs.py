"""What every job of an engine has around it: a span, a count, its kind and key on every line of the log."""

from __future__ import annotations

import logging

from structlog.contextvars import bound_contextvars

from mailport.errors import MailportError
from mailport_workspace.engines import Job
from mailport_workspace.observing import metrics
from mailport_workspace.observing.traces import span

__all__ = ["observed"]

_log = logging.getLogger(__name__)


def observed(kind: str, run: Job) -> Job:
    """Return the job, watched. What it foresaw, such as a full disk, is one line in the log, again and again while it lasts."""

    async def watched(key: str) -> None:
        with bound_contextvars(job=kind):
            try:
                with metrics.job(kind), span(f"job {kind}", key=key):
                    await run(key)
            except MailportError as error:
                _log.warning("The job %s %s ended early: %s %s", kind, key, error.message, error.remedy)

    return watched
