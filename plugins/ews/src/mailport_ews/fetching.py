"""Reading messages: small ones come several in one answer, because the next ones are usually wanted as well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

from mailport.errors import MailportError, NotFound
from mailport_ews.client import Client
from mailport_ews.exchange import LARGEST
from mailport_ews.operations import Change

__all__ = ["Fetcher"]

MOST = 20
"""Messages in one answer, which is held as a whole."""
HEAVY = 1024 * 1024
"""Bytes of messages in one answer, unless it is a single one."""
_CHUNK = 256 * 1024
_GROWTH = 4
"""How much larger than its size in the store a message can be as MIME in base64."""


class Fetcher:
    """Reads what was listed. What came along is kept until it is read, or until something else is asked for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = asyncio.Lock()
        self._listed: list[Change] = []
        self._places: dict[str, int] = {}
        self._held: dict[str, bytes | MailportError] = {}
        self._read: set[str] = set()

    def __repr__(self) -> str:
        return f"<Fetcher listed={len(self._listed)} held={len(self._held)}>"

    def listed(self, changes: Iterable[Change]) -> None:
        """Learn what was listed, in the order in which it will be wanted."""
        for change in changes:
            self._places[change.id] = len(self._listed)
            self._listed.append(change)

    def forget(self) -> None:
        """Drop what came along: it may have changed meanwhile."""
        self._held.clear()

    async def chunks(self, item: str) -> AsyncIterator[bytes]:
        """Yield a message's bytes. Raises ``NotFound`` if it is gone."""
        content = await self._content(item)
        for at in range(0, len(content), _CHUNK):
            yield content[at : at + _CHUNK]

    async def _content(self, item: str) -> bytes:
        async with self._lock:
            if item not in self._held:
                await self._fetch(self._together(item))
            self._read.add(item)
            content = self._held.pop(item, None)
        if content is None:
            raise NotFound("The server returned another message than it was asked for.", code="read.gone")
        if isinstance(content, MailportError):
            raise content
        return content

    async def _fetch(self, wanted: Sequence[Change]) -> None:
        self._held.clear()
        ids = [change.id for change in wanted]
        largest = max(LARGEST, _GROWTH * sum(change.size or 0 for change in wanted))
        contents = await self._client.call(self._client.operations.mime, ids, largest=largest)
        self._held = dict(zip(ids, contents, strict=False))

    def _together(self, item: str) -> list[Change]:
        """Return the message and those after it that are small and were not read yet."""
        place = self._places[item]
        wanted, load = [self._listed[place]], self._listed[place].size or HEAVY
        for change in self._listed[place + 1 : place + MOST]:
            load += change.size or HEAVY
            if load > HEAVY or change.id in self._read:
                break
            wanted.append(change)
        return wanted
