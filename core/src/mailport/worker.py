"""One thread for one connection: blocking libraries run here, one call after the other.

Cancelling a call that has begun cuts the connection, which is the only thing that wakes a thread that waits for a server. The
session is then of no further use: nobody knows what the server still was about to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from mailport.errors import Unreachable

__all__ = ["Worker", "closed"]

P = ParamSpec("P")
T = TypeVar("T")

_GRACE = 5.0
"""Seconds that a thread may take to notice that its connection is gone; it does in microseconds unless it computes."""


def closed() -> Unreachable:
    """Return the error of a session that was closed, or discarded after a failure."""
    return Unreachable("The session was closed.", code="connect.closed", remedy="Open a new session.")


class Worker:
    """A thread that owns a connection, which ``cut`` ends; after that no call is taken. It ends with ``close``."""

    def __init__(self, name: str, cut: Callable[[], None]) -> None:
        self.broken = False
        self._cut = cut
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"mailport-{name}")
        self._calls: set[Future[Any]] = set()

    def __repr__(self) -> str:
        return f"<Worker {'broken' if self.broken else 'alive'} calls={len(self._calls)}>"

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``function`` in the thread, after all earlier calls; raises ``Unreachable`` when the session was discarded."""
        if self.broken:
            raise closed()
        call = self._executor.submit(function, *args, **kwargs)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        try:
            return await asyncio.wrap_future(call)
        except asyncio.CancelledError:
            if not call.cancelled():  # a call that had not begun was simply withdrawn
                self.abort()
                await _settled([call])
            raise

    def abort(self) -> None:
        """Cut the connection, whatever the thread is doing with it."""
        self.broken = True
        self._cut()

    async def close(self) -> None:
        """Cut the connection and end the thread."""
        self.abort()
        self._executor.shutdown(wait=False, cancel_futures=True)
        await _settled(list(self._calls))
        if not self._calls:
            self._executor.shutdown(wait=True)  # the thread has nothing left to do


async def _settled(calls: Sequence[Future[Any]]) -> None:
    """Wait until the thread came back; what it says then interests nobody any more."""
    waiting = [asyncio.wrap_future(call) for call in calls]
    for each in waiting:
        each.add_done_callback(lambda done: done.cancelled() or done.exception())
    if waiting:
        await asyncio.wait(waiting, timeout=_GRACE)
