"""Receiving: SyncFolderItems lists ids, GetItem brings the messages, and what is done with them is told one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from exchangelib.properties import FolderId

from mailport.account import Account
from mailport.errors import MailportError, NotFound
from mailport.services import Services
from mailport.transport import Acknowledgement, Action, ActionKind, Cursor, Deliveries, Delivery, Receiver
from mailport_ews.client import Client
from mailport_ews.fetching import Fetcher
from mailport_ews.operations import PAGE, Change, Page
from mailport_ews.translate import is_gone
from mailport_ews.wire import check_folder, split_path

__all__ = ["EwsReceiver"]


class EwsReceiver(Receiver):
    """Reads one folder. A key is an item id, which changes when the message is moved; a cursor is a synchronisation state."""

    def __init__(self, account: Account, services: Services) -> None:
        settings: Any = account.settings
        self._account = account
        self._path = split_path(settings.folder)
        self._client = Client(account, services)
        self._fetcher = Fetcher(self._client)
        self._folders: dict[tuple[str, ...], FolderId] = {}
        self._moved: dict[tuple[str, tuple[str, ...]], str] = {}
        self._current: dict[str, str] = {}  # by key, where we moved the message ourselves

    def __repr__(self) -> str:
        return f"<EwsReceiver {self._account.user_name} {self._client!r}>"

    async def open(self) -> None:
        """Connect and sign in."""
        await self._client.open()

    async def close(self) -> None:
        """Hang up."""
        await self._client.close()

    @asynccontextmanager
    async def fetch(self, cursor: Cursor, limit: int | None = None) -> AsyncIterator[Deliveries]:
        """List what is new in the folder since ``cursor``, page by page."""
        state = _state(cursor, self._path)
        folder = await self._folder(self._path)
        self._fetcher = Fetcher(self._client)
        first = await self._page(folder, state, limit)  # a state that is no longer known shows here
        yield _Round(self, folder, state, first, limit)

    async def acknowledge(self, deliveries: Sequence[Delivery], action: Action) -> Sequence[Acknowledgement]:
        """Do it for many messages in one request; what is gone counts as done."""
        path = split_path(action.folder or "")
        if action.kind is ActionKind.MOVE:
            check_folder(action.folder or "")
        keys = [delivery.key for delivery in deliveries]
        if action.kind is ActionKind.LEAVE or not keys:
            return [Acknowledgement(key=key, done=True) for key in keys]
        self._fetcher.forget()
        if action.kind is ActionKind.MOVE:
            return await self._move(keys, path)
        operations = self._client.operations
        work = operations.mark_read if action.kind is ActionKind.MARK_READ else operations.delete
        failures = await self._client.call(work, self._ids(keys))
        return [_acknowledgement(key, failure) for key, failure in zip(keys, failures, strict=True)]

    async def _move(self, keys: Sequence[str], path: tuple[str, ...]) -> Sequence[Acknowledgement]:
        """Move what was not moved there before: the message has another id now, and the old one would say that it is gone."""
        folder = await self._folder(path, create=True)
        fresh = [key for key in dict.fromkeys(keys) if (key, path) not in self._moved]
        moved = await self._client.call(self._client.operations.move, self._ids(fresh), folder)
        outcomes = dict(zip(fresh, moved, strict=True))
        self._moved |= {(key, path): new for key, new in outcomes.items() if isinstance(new, str)}
        self._current |= {key: new for key, new in outcomes.items() if isinstance(new, str) and new}
        return [
            _acknowledgement(key, failure if isinstance(failure := outcomes.get(key), MailportError) else None, new_key)
            for key in keys
            for new_key in [self._moved.get((key, path))]
        ]

    def _ids(self, keys: Sequence[str]) -> list[str]:
        return [self._current.get(key, key) for key in keys]

    async def _folder(self, path: tuple[str, ...], *, create: bool = False) -> FolderId:
        if path not in self._folders:
            self._folders[path] = await self._client.call(self._client.operations.folder, path, create=create)
        return self._folders[path]

    async def _page(self, folder: FolderId, state: str | None, limit: int | None) -> Page:
        wanted = PAGE if limit is None else min(limit, PAGE)
        page = await self._client.call(self._client.operations.changes, folder, state, max(wanted, 1))
        self._fetcher.listed(page.changes)
        return page

    def _delivery(self, change: Change, cursor: Cursor) -> Delivery:
        return Delivery(
            key=change.id,
            load=partial(self._fetcher.chunks, change.id),
            cursor=cursor,
            size=change.size,
            received_at=change.received_at,
            flags=frozenset({"\\Seen"} if change.is_read else ()),
        )


class _Round(Deliveries):
    """One round; the cursor after a page comes with its last message."""

    def __init__(self, receiver: EwsReceiver, folder: FolderId, start: str | None, first: Page, limit: int | None) -> None:
        self._receiver = receiver
        self._folder = folder
        self._start = start
        self._first = first
        self._limit = limit

    async def iterate(self) -> AsyncIterator[Delivery]:
        """Yield the messages in the server's order."""
        page, before, left = self._first, self._start, self._limit
        while True:
            cursor = _cursor(page.state, self._receiver._path)
            for number, change in enumerate(page.changes, start=1):
                yield self._receiver._delivery(change, cursor if number == len(page.changes) else None)
            left = None if left is None else left - len(page.changes)
            # A server that returns the same state for ever would be asked for ever.
            if page.is_last or page.state == before or left == 0:
                break
            before = page.state
            page = await self._receiver._page(self._folder, page.state, left)
        self.cursor = cursor


def _cursor(state: str, path: tuple[str, ...]) -> Cursor:
    return {"ews": state, "folder": "/".join(path).lower()}


def _state(cursor: Cursor, path: tuple[str, ...]) -> str | None:
    """Return the server's state in a cursor. One of another protocol or folder is no longer known."""
    if cursor is None:
        return None
    state = cursor.get("ews") if isinstance(cursor, dict) else None
    if isinstance(state, str) and cursor == _cursor(state, path):
        return state
    raise NotFound(
        "This cursor belongs to another folder or protocol.", code="read.cursor", remedy="The folder is read from its start."
    )


def _acknowledgement(key: str, failure: MailportError | None, new_key: str | None = None) -> Acknowledgement:
    if failure is None or is_gone(failure):
        return Acknowledgement(key=key, done=True, new_key=new_key or None)
    return Acknowledgement(key=key, done=False, error=failure)
