"""What every job of an engine has around it: a span, a count, and its kind and key on the lines that it logs."""

from __future__ import annotations

from structlog.contextvars import bound_contextvars

from mailport_workspace.engines import Job
from mailport_workspace.observing import metrics
from mailport_workspace.observing.traces import span

__all__ = ["observed"]


def observed(kind: str, run: Job) -> Job:
    """Return the job, watched."""

    async def watched(key: str) -> None:
        with bound_contextvars(job=kind), metrics.job(kind), span(f"job {kind}", key=key):
            await run(key)

    return watched
