"""Receiving: listing a folder, reading its files, dealing with them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import BinaryIO

from mailport.account import Account
from mailport.errors import NotFound, Unreachable
from mailport.services import Services
from mailport.transport import Acknowledgement, Action, ActionKind, Cursor, Deliveries, Delivery, Receiver
from mailport_maildir.cursor import from_cursor, mark, to_cursor
from mailport_maildir.disk import Disk
from mailport_maildir.folder import Entry, Folder
from mailport_maildir.translate import explain
from mailport_maildir.wire import flags_of, folder_parts

__all__ = ["MaildirReceiver", "time_of"]

CHUNK = 256 * 1024


class MaildirReceiver(Receiver):
    """Reads one folder of the account's Maildir. A key is a file's name without its flags."""

    def __init__(self, account: Account, services: Services) -> None:
        self._account = account
        self._services = services
        self._disk = Disk(1)
        self._folder: Folder | None = None
        self._entries: dict[str, Entry] = {}

    def __repr__(self) -> str:
        return f"<MaildirReceiver {self._account.user_name} open={self._folder is not None}>"

    async def open(self) -> None:
        """Open the folder; the Maildir is created when missing."""
        self._folder = await self._disk.open(self._account, self._services)

    async def close(self) -> None:
        """Finish what is under way."""
        self._folder = None
        await self._disk.close()

    @asynccontextmanager
    async def fetch(self, cursor: Cursor, limit: int | None = None) -> AsyncIterator[Deliveries]:
        """List the messages that the cursor does not name, oldest first."""
        seen = from_cursor(cursor)
        listed, end = await self._disk.run(self._list, seen, limit)
        yield MaildirDeliveries(listed, end)

    async def acknowledge(self, deliveries: Sequence[Delivery], action: Action) -> Sequence[Acknowledgement]:
        """Rename or delete the files."""
        if action.kind is ActionKind.MOVE:
            folder_parts(action.folder or "")
        return await self._disk.run(self._settle_all, [delivery.key for delivery in deliveries], action)

    # What follows runs in the thread, but for _load.

    def _opened(self) -> Folder:
        if self._folder is None:
            raise Unreachable("The receiver is not open.", code="connect.closed")
        return self._folder

    def _list(self, seen: frozenset[bytes], limit: int | None) -> tuple[list[Delivery], Cursor]:
        folder = self._opened()
        self._entries = folder.entries()
        marks = {key: mark(key) for key in self._entries}
        fresh = [(folder.facts(entry), key) for key, entry in self._entries.items() if marks[key] not in seen]
        present = sorted((facts.st_mtime_ns, key, facts) for facts, key in fresh if facts is not None)[:limit]
        deliveries = [self._delivery(key, facts) for _, key, facts in present]
        covered = {marks[delivery.key] for delivery in deliveries} | seen.intersection(marks.values())
        return deliveries, to_cursor(covered)

    def _delivery(self, key: str, facts: os.stat_result) -> Delivery:
        return Delivery(
            key=key,
            load=partial(self._load, key),
            size=facts.st_size,
            received_at=time_of(facts),
            flags=flags_of(self._entries[key].name),
        )

    async def _load(self, key: str) -> AsyncIterator[bytes]:
        file = await self._disk.run(self._open_message, key)
        try:
            while chunk := await self._disk.run(file.read, CHUNK):
                yield chunk
                if len(chunk) < CHUNK:  # a buffered file gives less only at its end
                    break
        finally:
            self._disk.release(file)

    def _open_message(self, key: str) -> BinaryIO:
        for entry in self._places(key):
            with suppress(FileNotFoundError):
                return self._opened().open_message(entry)
        raise NotFound("The message is gone.", code="read.gone")

    def _places(self, key: str) -> Iterator[Entry]:
        """Yield where a message may be: where it was, then where it is now. Another program may rename it at any time."""
        if key in self._entries:
            yield self._entries[key]
        for _ in range(3):
            self._entries = self._opened().entries()
            if key not in self._entries:
                return
            yield self._entries[key]

    def _settle_all(self, keys: Sequence[str], action: Action) -> list[Acknowledgement]:
        folder = self._opened()
        self._entries = folder.entries()
        if action.kind is ActionKind.LEAVE:
            return [Acknowledgement(key=key, done=True) for key in keys]
        if action.kind is not ActionKind.MOVE:
            do = folder.remove if action.kind is ActionKind.DELETE else folder.mark_read
            return [self._settle(key, do) for key in keys]
        with folder.sibling(action.folder or "", create=True) as target:
            return [self._settle(key, partial(folder.move, other=target), new_key=key) for key in keys]

    def _settle(self, key: str, do: Callable[[Entry], None], new_key: str | None = None) -> Acknowledgement:
        for entry in self._places(key):
            try:
                do(entry)
            except FileNotFoundError:
                continue
            except OSError as error:
                return Acknowledgement(key=key, done=False, error=explain(error))
            return Acknowledgement(key=key, done=True, new_key=new_key)
        return Acknowledgement(key=key, done=True)  # it is gone: what was wanted is done


def time_of(facts: os.stat_result) -> datetime | None:
    """Return when a file was written."""
    with suppress(ValueError, OverflowError):  # file systems know years that calendars do not
        return datetime.fromtimestamp(facts.st_mtime, UTC)
    return None


class MaildirDeliveries(Deliveries):
    """One round. Only its end has a cursor: it names every message that was listed."""

    def __init__(self, deliveries: Sequence[Delivery], end: Cursor) -> None:
        self._deliveries = deliveries
        self._end = end

    async def iterate(self) -> AsyncIterator[Delivery]:
        """Yield the deliveries, oldest first."""
        for delivery in self._deliveries:
            yield delivery
        self.cursor = self._end
