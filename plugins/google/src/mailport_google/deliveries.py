"""One round: deliveries in order, their facts fetched a few ahead."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from mailport.errors import MailportError, NotFound
from mailport.transport import Deliveries, Delivery
from mailport_google.gmail import Gmail
from mailport_google.listing import Entry, Listing, message_facts
from mailport_google.translate import malformed
from mailport_google.wire import find_raw, flags, raw_chunks, raw_size, received_at

__all__ = ["GoogleDeliveries", "ahead"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_HIDDEN = frozenset({"SPAM", "TRASH"})


class GoogleDeliveries(Deliveries):
    """What a listing names, without what left the label meanwhile."""

    def __init__(self, gmail: Gmail, listing: Listing, limit: int | None) -> None:
        self._gmail = gmail
        self._listing = listing
        self._limit = len(listing.entries) if limit is None else max(limit, 1)

    async def iterate(self) -> AsyncIterator[Delivery]:
        """Yield the deliveries, the oldest first."""
        width = min(self._gmail.settings.parallel_requests, self._limit) or 1
        left = self._limit
        async for entry, facts in ahead(self._listing.entries, self._facts, width):
            if facts is not None and not _is_in(facts, entry.place.label):
                continue
            delivery = _delivery(self._gmail, entry, facts or {})
            yield delivery
            left -= 1
            if left <= 0 and entry is not self._listing.entries[-1]:
                self.cursor = delivery.cursor
                return
        self.cursor = self._listing.end.as_cursor()

    async def _facts(self, entry: Entry) -> tuple[Entry, dict[str, Any] | None]:
        """Return a message's facts, an empty dictionary if it is gone, and None where the quota is better spent on reading."""
        if not self._gmail.has_quota_to_spare:
            return entry, None
        try:
            return entry, await message_facts(self._gmail, entry.key) or {}
        except MailportError as error:
            if error.code == "read.quota":
                return entry, None
            raise


def _is_in(facts: dict[str, Any], label: str) -> bool:
    labels = set(facts.get("labelIds", ()))
    return label in labels and not (labels & _HIDDEN - {label})


def _delivery(gmail: Gmail, entry: Entry, facts: dict[str, Any]) -> Delivery:
    date = str(facts.get("internalDate", ""))
    return Delivery(
        key=entry.key,
        load=partial(_load, gmail, entry.key),
        cursor=entry.place.passed(entry.key, int(date) if date.isdigit() else None).as_cursor(),
        size=raw_size(facts),
        received_at=received_at(facts),
        flags=flags(facts),
    )


async def _load(gmail: Gmail, key: str) -> AsyncIterator[bytes]:
    try:
        raw = (await gmail.call(partial(_raw_request, key), "read"))["raw"]
    except NotFound as error:
        raise NotFound("The message is gone.", code="read.gone", remedy="Go on with the next one.") from error
    if raw is None:
        raise malformed("read")
    try:
        for chunk in raw_chunks(raw):
            yield chunk
    except ValueError as error:
        raise malformed("read") from error


def _raw_request(key: str, users: Any) -> Any:
    request = users.messages().get(userId="me", id=key, format="raw")
    request.postproc = partial(_raw_answer, request.postproc)
    return request


def _raw_answer(usual: Callable[[Any, bytes], Any], response: Any, content: bytes) -> Any:
    return {"raw": find_raw(content)} if response.status == 200 else usual(response, content)


async def ahead(items: Iterable[Item], work: Callable[[Item], Awaitable[Result]], width: int) -> AsyncIterator[Result]:
    """Yield ``work(item)`` in order, up to ``width`` of them under way at once."""
    under_way: deque[asyncio.Future[Result]] = deque()
    try:
        for item in items:
            under_way.append(asyncio.ensure_future(work(item)))
            if len(under_way) >= width:
                yield await under_way.popleft()
        while under_way:
            yield await under_way.popleft()
    finally:
        for future in under_way:
            future.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
