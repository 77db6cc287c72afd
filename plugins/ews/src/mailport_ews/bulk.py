"""What is sent at the same time travels together: one request carries several messages, each with an answer of its own.

The first message leaves at once; those that come while its request is under way gather for the next one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from mailport.errors import MailportError, Unreachable
from mailport.message import Message
from mailport.receipt import Receipt

__all__ = ["MOST", "Bulk", "Outcome", "Parcel"]

MOST = 20
"""Messages in one request."""
HEAVY = 4 * 1024 * 1024
"""Bytes of messages in one request, unless it is a single one: Exchange limits requests to some 10 to 50 MB."""

Outcome = Receipt | MailportError


@dataclass(eq=False, slots=True)
class Parcel:
    """A message that waits for its outcome."""

    message: Message
    weight: int
    outcome: asyncio.Future[Outcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Bulk:
    """Gathers messages. ``transmit`` sends some; ``withdraw`` stops that if nothing was handed over yet."""

    def __init__(
        self, transmit: Callable[[Sequence[Message]], Awaitable[Sequence[Outcome]]], withdraw: Callable[[], None]
    ) -> None:
        self._transmit = transmit
        self._withdraw = withdraw
        self._waiting: deque[Parcel] = deque()
        self._under_way: list[Parcel] = []
        self._work: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Bulk waiting={len(self._waiting)} under_way={len(self._under_way)}>"

    async def send(self, message: Message, weight: int) -> Receipt:
        """Send one message; returns its receipt or raises its error."""
        parcel = Parcel(message, weight)
        self._waiting.append(parcel)
        if self._work is None:
            self._work = asyncio.create_task(self._run())
        try:
            outcome = await parcel.outcome
        except asyncio.CancelledError:
            self._cancel(parcel)
            raise
        if isinstance(outcome, MailportError):
            raise outcome
        return outcome

    async def drain(self, seconds: float) -> None:
        """Wait at most that long for the answer to what is under way; what still waits for its turn is unsent."""
        while self._waiting:
            _settle(self._waiting.popleft(), _closed())
        if self._work is not None:
            await asyncio.wait([self._work], timeout=seconds)

    def _cancel(self, parcel: Parcel) -> None:
        if parcel in self._waiting:
            self._waiting.remove(parcel)
        elif parcel in self._under_way:
            self._withdraw()

    async def _run(self) -> None:
        try:
            while self._waiting:
                self._under_way = self._next()
                await self._deliver(self._under_way)
        finally:
            self._under_way = []
            self._work = None

    def _next(self) -> list[Parcel]:
        parcels = [self._waiting.popleft()]
        load = parcels[0].weight
        while self._waiting and len(parcels) < MOST and load + self._waiting[0].weight <= HEAVY:
            load += self._waiting[0].weight
            parcels.append(self._waiting.popleft())
        return parcels

    async def _deliver(self, parcels: Sequence[Parcel]) -> None:
        """Send some messages and tell each its outcome; also where the event loop ends before the answer came."""
        outcomes: Sequence[Outcome] = [_closed() for _ in parcels]
        try:
            outcomes = await self._transmit([parcel.message for parcel in parcels])
        finally:
            for parcel, outcome in zip(parcels, outcomes, strict=True):
                _settle(parcel, outcome)


def _settle(parcel: Parcel, outcome: Outcome) -> None:
    with suppress(asyncio.InvalidStateError):  # whoever waited was cancelled
        parcel.outcome.set_result(outcome)


def _closed() -> Unreachable:
    return Unreachable("The session was closed before the message left.", code="connect.closed", remedy="Send it again.")
