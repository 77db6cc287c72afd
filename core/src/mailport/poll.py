"""The way of incoming mail: receiver, deliveries, the host's store, acknowledgement."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from mailport.account import Account
from mailport.errors import MailportError
from mailport.events import Event, EventKind
from mailport.transport import Acknowledgement, Action, Cursor, Deliveries, Delivery, Receiver, plugin_errors

__all__ = ["Round", "poll"]


class Round:
    """One poll of one mailbox: iterate it, store what comes together with ``cursor``, then ``acknowledge``.

    ``cursor`` is the place up to which everything iterated so far is covered; it never passes a delivery that was not
    yielded. ``settled`` holds, after the round, the outcomes that the protocol commits only at its end (POP3).
    """

    def __init__(self, receiver: Receiver, deliveries: Deliveries, cursor: Cursor, observe: Callable[[Delivery], None]) -> None:
        self._receiver = receiver
        self._deliveries = deliveries
        self._observe = observe
        self._seen: list[Delivery] = []
        self.cursor: Cursor = cursor

    def __aiter__(self) -> AsyncIterator[Delivery]:
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[Delivery]:
        deliveries = aiter(self._deliveries)
        while (delivery := await self._next(deliveries)) is not None:
            self._seen.append(delivery)
            if delivery.cursor is not None:
                self.cursor = delivery.cursor
            self._observe(delivery)
            yield delivery
        if self._deliveries.cursor is not None:
            self.cursor = self._deliveries.cursor

    async def _next(self, deliveries: AsyncIterator[Delivery]) -> Delivery | None:
        with plugin_errors("list messages"):
            return await anext(deliveries, None)

    async def acknowledge(self, action: Action, deliveries: Sequence[Delivery] | None = None) -> Sequence[Acknowledgement]:
        """Apply ``action`` to ``deliveries``, by default to all that were iterated; call it after they were stored.

        For none nothing is done. Raises ``UnsupportedFeature``, before anything is done, where the protocol lacks the action.
        """
        chosen = self._seen if deliveries is None else deliveries
        if not chosen:
            return ()
        with plugin_errors("acknowledge"):
            return await self._receiver.acknowledge(chosen, action)

    @property
    def settled(self) -> tuple[Acknowledgement, ...]:
        """After the round: the outcomes of what the protocol commits when the session ends."""
        return self._receiver.settled


@asynccontextmanager
async def poll(
    account: Account, receiver: Receiver, cursor: Cursor, limit: int | None, observe: Callable[[Event], None]
) -> AsyncIterator[Round]:
    """Open the mailbox, list what lies after ``cursor`` and close it again."""
    started = time.monotonic()

    def tell(kind: EventKind, message: str = "", code: str = "") -> None:
        seconds = time.monotonic() - started
        observe(
            Event(
                kind=kind, protocol=account.protocol, user_name=account.user_name, message=message, seconds=seconds, code=code
            )
        )

    try:
        async with AsyncExitStack() as opened:
            with plugin_errors("open the mailbox"):
                await opened.enter_async_context(receiver)
                deliveries = await opened.enter_async_context(receiver.fetch(cursor, limit))
            yield Round(receiver, deliveries, cursor, lambda delivery: tell(EventKind.RECEIVED, delivery.key))
    except MailportError as error:
        tell(EventKind.FAILED, code=error.code)
        raise
