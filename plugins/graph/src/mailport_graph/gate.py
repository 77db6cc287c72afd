"""The gate before a mailbox: how many requests are in flight there, and whether it asked for a pause.

Exchange Online serves four requests at once per application and mailbox and counts those beyond as offences
(https://learn.microsoft.com/graph/throttling-limits), so everybody in the process who uses that mailbox shares one gate.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from weakref import WeakKeyDictionary

from mailport.errors import Throttled

__all__ = ["CAPACITY", "Gate", "gate_of"]

CAPACITY = 4
"""Requests in flight per application and mailbox."""

_REMEMBERED = 1024  # gates that nobody uses are forgotten beyond this number
_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Gate]] = WeakKeyDictionary()


class Gate:
    """Lets in as many requests as the mailbox serves, in the order in which they came."""

    def __init__(self) -> None:
        self._free = CAPACITY
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._closed_until = 0.0

    def __repr__(self) -> str:
        return f"<Gate in_flight={CAPACITY - self._free} waiting={len(self._queue)}>"

    @property
    def idle(self) -> bool:
        """Whether nobody is inside or waits."""
        return self._free == CAPACITY and not self._queue

    def close_for(self, seconds: float, clock: Callable[[], float]) -> None:
        """Let nobody in for ``seconds``: requests made meanwhile would only prolong the pause."""
        self._closed_until = max(self._closed_until, clock() + seconds)

    @asynccontextmanager
    async def place(self, clock: Callable[[], float], weight: int = 1) -> AsyncIterator[None]:
        """Hold ``weight`` of the places inside the block; raises ``Throttled`` while the mailbox asked for a pause."""
        self._check(clock)
        await self._enter(weight)
        try:
            self._check(clock)
            yield
        finally:
            self._leave(weight)

    def _check(self, clock: Callable[[], float]) -> None:
        left = self._closed_until - clock()
        if left > 0:
            raise Throttled(
                "Microsoft Graph asked to leave this mailbox alone for a while.",
                code="send.throttled",
                retry_after=left,
                remedy="Nothing is to be done: it goes on by itself after the pause.",
            )

    async def _enter(self, weight: int) -> None:
        if not self._queue and self._free >= weight:
            self._free -= weight
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((weight, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free += weight  # the turn came in the same moment
            else:
                with suppress(ValueError):  # it may have been passed over already
                    self._queue.remove((weight, turn))
            self._admit()
            raise

    def _leave(self, weight: int) -> None:
        self._free += weight
        self._admit()

    def _admit(self) -> None:
        while self._queue and self._free >= self._queue[0][0]:
            weight, turn = self._queue.popleft()
            if not turn.cancelled():
                self._free -= weight
                turn.set_result(None)


def gate_of(key: str) -> Gate:
    """Return the gate of an application and mailbox, shared by all who run in this event loop."""
    gates = _gates.setdefault(asyncio.get_running_loop(), {})
    if key not in gates and len(gates) >= _REMEMBERED:
        for old in [name for name, gate in gates.items() if gate.idle]:
            del gates[old]
    return gates.setdefault(key, Gate())
