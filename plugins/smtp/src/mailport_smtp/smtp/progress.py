"""Notices a peer that makes no progress: neither an answer nor a byte taken."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress

__all__ = ["Watchdog"]

_LOOKS = 10
"""How often it looks within the time limit."""


class Watchdog:
    """Calls ``bark`` when, between ``start`` and ``stop``, nothing moved for ``limit`` seconds.

    A long upload moves as long as the peer takes bytes, which shows in what still waits to be sent (OUT-22).
    """

    def __init__(self, transport: asyncio.Transport, limit: float, bark: Callable[[], None]) -> None:
        self._transport = transport
        self._limit = limit
        self._bark = bark
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._watching = False
        self._moved_at = 0.0
        self._unsent = 0

    def start(self) -> None:
        """Watch from now on; nothing changes if it does already."""
        if not self._watching:
            self._watching = True
            self._moved_at = self._loop.time()
        if self._timer is None:  # one timer serves many messages: making one for each would cost more than the look
            self._look_later()

    def stop(self) -> None:
        """Watch no more."""
        self._watching = False

    def moved(self) -> None:
        """Take note of progress."""
        self._moved_at = self._loop.time()

    def _look_later(self) -> None:
        self._timer = self._loop.call_later(self._limit / _LOOKS, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._watching:
            return
        unsent = _unsent(self._transport)
        if unsent < self._unsent:
            self.moved()
        self._unsent = unsent
        if self._loop.time() - self._moved_at >= self._limit:
            self._watching = False
            self._bark()
        else:
            self._look_later()


def _unsent(transport: asyncio.Transport) -> int:
    """Return how many bytes wait in our buffer and, where it can be told, in the system's."""
    return transport.get_write_buffer_size() + _unsent_by_system(transport)


def _unsent_by_system(transport: asyncio.Transport) -> int:
    if sys.platform == "win32":
        return 0
    import fcntl  # noqa: PLC0415 - not on every system
    import termios  # noqa: PLC0415 - not on every system

    with suppress(OSError, ValueError, AttributeError):  # of a socket that is closed, or none
        answer = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
        return int.from_bytes(answer, sys.byteorder)
    return 0
