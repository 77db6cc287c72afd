"""Staging: list the mailbox, and store every message before anything is made of it (QUE-01).

The journal entry, the bytes, the place in the queue and the cursor are written in one transaction. The cursor never passes a
message that is not stored: one that cannot be read holds it back, and is tried last from then on, so that it delays nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import datetime

from mailport.errors import AuthenticationFailed, MailportError, NotFound, Throttled, Unreachable
from mailport.poll import Round
from mailport.transport import Delivery
from mailport_workspace.intake.content import ReadMail
from mailport_workspace.intake.lease import LeaseLost, Reached
from mailport_workspace.intake.listed import (
    Listed,
    is_copy,
    keep,
    keep_cursor,
    note_gone,
    note_too_large,
    note_unreadable,
)
from mailport_workspace.intake.plan import Plan
from mailport_workspace.intake.verdict import Mailbox
from mailport_workspace.observing.context import working_on
from mailport_workspace.queries.intake import Known
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import IntakeState, new_id

__all__ = ["STAGED_AT_ONCE", "Stage"]

STAGED_AT_ONCE = 200
"""Messages that one poll stores; it comes back at once for the others."""
_LOOKED_UP = 50
_LARGE = 1024 * 1024
"""Bytes from which on few messages are read at the same time."""


class Stage:
    """Stores what one round lists, under the lease of its poll.

    ``journals`` are then the mails that are to be processed; ``has_news`` says that anything was written about a message, and
    ``is_complete`` that the mailbox holds no more.
    """

    def __init__(
        self,
        store: Store,
        plan: Plan,
        lease: str,
        *,
        reached: Reached,
        clock: Callable[[], datetime],
        large: asyncio.Semaphore,
    ) -> None:
        self.journals: list[str] = []
        self.is_complete = False
        self.has_news = False
        self._store = store
        self._plan = plan
        self._lease = lease
        self._reached = reached
        self._clock = clock
        self._large = large
        self._cursor = self._kept_cursor = plan.cursor
        self._holding = set(plan.unread)
        self._unseen = dict(plan.unread)

    async def run(self, round_: Round) -> None:
        """Store what is new, then try again what could not be read before."""
        later: list[tuple[Delivery, str]] = []
        async with aclosing(_by_fifty(round_)) as batches:
            async for deliveries in batches:
                known = await self._known(deliveries)
                for delivery in deliveries:
                    await self._see(delivery, known.get(delivery.key), later)
                if len(self.journals) >= STAGED_AT_ONCE:
                    break
            else:
                self.is_complete = True
        for delivery, journal in later:
            await self._read(delivery, journal, is_new=False)
        await self._end(round_)

    async def _known(self, deliveries: Sequence[Delivery]) -> Mapping[str, Known]:
        async with self._store.read(self._plan.tenant) as rows:
            return await rows.known_deliveries(self._plan.inbox, [delivery.key for delivery in deliveries])

    async def _see(self, delivery: Delivery, known: Known | None, later: list[tuple[Delivery, str]]) -> None:
        self._unseen.pop(delivery.key, None)
        if known is None:
            await self._read(delivery, new_id(), is_new=True)
        elif known.state is IntakeState.UNREAD:
            later.append((delivery, known.journal_id))
        self._pass(delivery)

    async def _read(self, delivery: Delivery, journal: str, *, is_new: bool) -> None:
        """Read and store one message."""
        with working_on(message=journal):
            try:
                raw = await self._load(delivery)
            except NotFound:  # somebody took it away since it was listed
                await self._gone(delivery, journal, is_new=is_new)
            except Throttled:
                raise
            except MailportError as error:
                await self._unreadable(delivery, journal, error, is_new=is_new)
            else:
                await self._keep(delivery, journal, raw, is_new=is_new)

    async def _load(self, delivery: Delivery) -> bytes | None:
        """Return the bytes; None for a message that is too large, by what the server says or by what comes."""
        if delivery.size is not None and delivery.size > self._plan.max_size:
            return None
        async with AsyncExitStack() as opened:
            if delivery.size is None or delivery.size > _LARGE:
                await opened.enter_async_context(self._large)
            return await _at_most(self._plan.max_size, delivery.chunks())

    async def _keep(self, delivery: Delivery, journal: str, raw: bytes | None, *, is_new: bool) -> None:
        if raw is None:
            async with self._listed(delivery, journal, is_new=is_new) as (rows, listed):
                await note_too_large(rows, listed, self._plan, delivery.size, self._clock())
            return
        mail = await asyncio.to_thread(ReadMail.of, raw) if len(raw) > _LARGE else ReadMail.of(raw)
        async with self._listed(delivery, journal, is_new=is_new) as (rows, listed):
            await rows.lock_tenant()
            if await is_copy(rows, listed, mail, self._plan.actions[Mailbox.SUCCESS]):
                return
            await keep(rows, listed, mail, self._clock())
        self.journals.append(journal)
        self._reached("staged")

    async def _unreadable(self, delivery: Delivery, journal: str, error: MailportError, *, is_new: bool) -> None:
        self._holding.add(delivery.key)
        async with self._listed(delivery, journal, is_new=is_new, holds=True) as (rows, listed):
            is_tried_again = await note_unreadable(rows, listed, error, self._clock())
        if not is_tried_again:
            self._holding.discard(delivery.key)
        if isinstance(error, (Unreachable, AuthenticationFailed)):  # the session has ended with it
            raise error

    async def _gone(self, delivery: Delivery, journal: str, *, is_new: bool) -> None:
        if not is_new:
            async with self._writing() as rows:
                await note_gone(rows, journal, self._clock())
        self._holding.discard(delivery.key)

    @asynccontextmanager
    async def _listed(
        self, delivery: Delivery, journal: str, *, is_new: bool, holds: bool = False
    ) -> AsyncIterator[tuple[TenantRows, Listed]]:
        """Write about one message, together with the cursor that covers it."""
        self.has_news = True
        async with self._writing() as rows:
            yield rows, await Listed.find(rows, self._plan, delivery, journal, is_new=is_new, at=self._clock())
            if not holds:
                self._holding.discard(delivery.key)
                self._pass(delivery)
                await self._keep_cursor(rows)

    def _pass(self, delivery: Delivery) -> None:
        if delivery.cursor is not None and not self._holding:
            self._cursor = delivery.cursor

    async def _keep_cursor(self, rows: TenantRows) -> None:
        if self._cursor != self._kept_cursor:
            await keep_cursor(rows, self._plan.inbox, self._cursor, self._clock())
            self._kept_cursor = self._cursor

    async def _end(self, round_: Round) -> None:
        """Keep the cursor of the whole round, unless something holds it back."""
        gone = list(self._unseen.values()) if self.is_complete else []
        self._holding -= set(self._unseen) if self.is_complete else set()
        if self.is_complete and not self._holding:
            self._cursor = round_.cursor
        if gone or self._cursor != self._kept_cursor:
            async with self._writing() as rows:
                for journal in gone:
                    await note_gone(rows, journal, self._clock())
                await self._keep_cursor(rows)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[TenantRows]:
        """Write as long as this poll holds the inbox."""
        async with self._store.write(self._plan.tenant) as rows:
            if await rows.find_inbox(self._plan.inbox, lease=self._lease) is None:
                raise LeaseLost("Another poll reads the inbox by now, or it was deleted.")
            yield rows


async def _by_fifty(round_: Round) -> AsyncGenerator[list[Delivery]]:
    batch: list[Delivery] = []
    async for delivery in round_:
        batch.append(delivery)
        if len(batch) == _LOOKED_UP:
            yield batch
            batch = []
    if batch:
        yield batch


async def _at_most(size: int, chunks: AsyncIterator[bytes]) -> bytes | None:
    """Return what comes, None as soon as it is more than ``size`` bytes: no more is read then."""
    parts, total = [], 0
    async with _closing(chunks):
        async for chunk in chunks:
            total += len(chunk)
            if total > size:
                return None
            parts.append(chunk)
    return b"".join(parts)


@asynccontextmanager
async def _closing(chunks: AsyncIterator[bytes]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        close = getattr(chunks, "aclose", None)  # generators have it, other iterators need none
        if close is not None:
            await close()
