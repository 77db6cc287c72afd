"""Receiving by POP3: list what was not seen yet, hand out the bytes on demand, delete what was stored."""

from __future__ import annotations

import poplib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

from mailport.account import Account
from mailport.errors import MailportError, NotFound, UnsupportedFeature
from mailport.services import Services
from mailport.transport import Acknowledgement, Action, ActionKind, Cursor, Deliveries, Delivery, Receiver, Rung
from mailport_smtp.pop3.link import Pop3Link
from mailport_smtp.pop3.maildrop import Entry
from mailport_smtp.pop3.wire import is_refusal
from mailport_smtp.receive_translate import explain

__all__ = ["Pop3Receiver"]


class Pop3Receiver(Receiver):
    """Reads one maildrop.

    POP3 has no order and no memory, so the cursor holds the keys that were seen, as far as they are still there: it shrinks
    when messages are deleted. It is given at the end of a round.
    """

    def __init__(self, account: Account, services: Services) -> None:
        self._link = Pop3Link(account, services)
        self._account = account
        self._open: list[str] = []

    @property
    def alive(self) -> bool:
        """Whether the session can be used, as far as is known without asking the server."""
        return self._link.alive

    async def open(self) -> None:
        """Connect and sign in; the server locks the maildrop for this session."""
        await self._link.open()

    async def close(self) -> None:
        """End the session; ``settled`` then says which deletions the server has committed."""
        failure = await self._link.close()
        done = failure is None
        self.settled += tuple(Acknowledgement(key=key, done=done, error=failure) for key in self._open)
        self._open = []

    @asynccontextmanager
    async def fetch(self, cursor: Cursor, limit: int | None = None) -> AsyncIterator[Deliveries]:
        """List the messages that ``cursor`` does not name, in the order of the server, at most ``limit``."""
        seen = _seen(cursor)
        entries = await self._link.run(Rung.READ, lambda: list(self._link.maildrop.entries().values()))
        yield _News(self._link, entries, seen, limit)

    async def acknowledge(self, deliveries: Sequence[Delivery], action: Action) -> Sequence[Acknowledgement]:
        """Leave the deliveries, or delete them at the end of the session."""
        if action.kind is ActionKind.LEAVE:
            return [Acknowledgement(key=delivery.key, done=True) for delivery in deliveries]
        if action.kind is not ActionKind.DELETE:
            raise UnsupportedFeature(
                "POP3 has neither folders nor marks: messages can be left or deleted.",
                code="read.action",
                field="post_processing",
                remedy="Choose to leave or to delete, or read the mailbox by IMAP.",
            )
        # What is deleted is gone only when the server answers the end of the session, which then deserves patience.
        self._link.farewell = self._account.timeout
        return [await self._delete(delivery.key) for delivery in deliveries]

    async def _delete(self, key: str) -> Acknowledgement:
        failure, is_there = await self._link.run(Rung.READ, self._delete_blocking, key)
        if failure is not None:
            return Acknowledgement(key=key, done=False, error=failure)
        if is_there and key not in self._open:
            self._open.append(key)
        return Acknowledgement(key=key, done=None if is_there else True)

    def _delete_blocking(self, key: str) -> tuple[MailportError | None, bool]:
        try:
            return None, self._link.maildrop.delete(key)
        except poplib.error_proto as error:
            if not is_refusal(error):
                raise
            failure = explain(error, account=self._account, rung=Rung.READ)
            failure.__cause__ = error
            return failure, True


def _seen(cursor: Cursor) -> frozenset[str]:
    if cursor is None:
        return frozenset()
    seen = cursor.get("seen") if isinstance(cursor, dict) else None
    if not isinstance(seen, list):
        raise NotFound(
            "The place to go on does not belong to a POP3 maildrop.",
            code="read.cursor",
            remedy="Read it from the beginning.",
        )
    return frozenset(str(key) for key in seen)


class _News(Deliveries):
    """What was not seen yet."""

    def __init__(self, link: Pop3Link, entries: Sequence[Entry], seen: frozenset[str], limit: int | None) -> None:
        self._link = link
        self._entries = entries
        self._seen = seen
        self._limit = limit

    async def iterate(self) -> AsyncIterator[Delivery]:
        """Yield the deliveries in the order of the server."""
        unseen = [entry for entry in self._entries if entry.key not in self._seen][: self._limit]
        for entry in unseen:
            yield Delivery(key=entry.key, load=partial(self._load, entry.key), size=entry.size)
        known = self._seen.union(entry.key for entry in unseen)
        self.cursor = {"seen": [entry.key for entry in self._entries if entry.key in known]}

    async def _load(self, key: str) -> AsyncIterator[bytes]:
        transfer = await self._link.run(Rung.READ, lambda: self._link.maildrop.begin(key))
        try:
            while chunk := await self._link.run(Rung.READ, transfer.read):
                yield chunk
        finally:
            with suppress(MailportError):  # the reader may have stopped because of it
                await self._link.run(Rung.READ, transfer.finish)
            transfer.close()
