"""The lines of one session: so many requests at once, each on a line of its own in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from mailport.worker import closed
from mailport_google.line import Line
from mailport_google.way import Way

__all__ = ["Lines", "run_alone"]

T = TypeVar("T")


class Lines:
    """Lends lines to blocking work; who finds none free waits."""

    def __init__(self, way: Way, count: int) -> None:
        self._way = way
        self._room = asyncio.Semaphore(count)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="mailport-google")
        self._idle: list[Line] = []
        self._busy: dict[asyncio.Future[Any], Line] = {}
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<Lines busy={len(self._busy)} idle={len(self._idle)}{' closed' if self._is_closed else ''}>"

    async def run(self, work: Callable[[Line], T]) -> T:
        """Do ``work`` in a thread. Cancelling withdraws its request, unless that was handed over; then it runs to its end."""
        await self._room.acquire()
        if self._is_closed:
            self._room.release()
            raise closed()
        line = self._idle.pop() if self._idle else Line(self._way)
        done = asyncio.get_running_loop().run_in_executor(self._threads, work, line)
        self._busy[done] = line
        done.add_done_callback(self._finished)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            if not done.done():
                line.withdraw()
            raise

    async def close(self, drain: float) -> None:
        """Wait ``drain`` seconds for what is under way, then break its connections."""
        self._is_closed = True
        if self._busy:
            await asyncio.wait(list(self._busy), timeout=drain)
        for line in self._busy.values():
            line.cut()
        if self._busy:
            await asyncio.wait(list(self._busy), timeout=drain)
        while self._idle:
            self._idle.pop().close()
        self._threads.shutdown(wait=False)

    def _finished(self, done: asyncio.Future[Any]) -> None:
        line = self._busy.pop(done)
        if line.is_withdrawn or self._is_closed:
            line.close()
        else:
            self._idle.append(line)
        self._room.release()
        if not done.cancelled():
            done.exception()  # seen: whoever was cancelled does not look


async def run_alone(way: Way, work: Callable[[Line], T]) -> T:
    """Do ``work`` in a thread and on a line of its own, which are gone afterwards. Cancelling breaks its connection."""
    line = Line(way)
    thread = ThreadPoolExecutor(1, thread_name_prefix="mailport-google-alone")
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, _closing, work, line)
    except asyncio.CancelledError:
        line.cut()
        raise
    finally:
        thread.shutdown(wait=False)


def _closing(work: Callable[[Line], T], line: Line) -> T:
    try:
        return work(line)
    finally:
        line.close()
