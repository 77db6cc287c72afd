"""Receiving: a folder's changes by delta query, under ids that do not change."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from mailport.account import Account
from mailport.address import CONTROL
from mailport.errors import ConfigurationError, MailportError, NotFound, Refused
from mailport.services import Services
from mailport.transport import Acknowledgement, Action, ActionKind, Cursor, Deliveries, Delivery, Receiver
from mailport_graph.client import BATCH, Call, GraphClient
from mailport_graph.downloads import Downloads
from mailport_graph.fields import GraphIncoming
from mailport_graph.folders import folder_id
from mailport_graph.translate import Answer, malformed, refusal
from mailport_graph.wire import items_of, local_link, pieces, received_at

__all__ = ["GraphReceiver"]

_PAGE = 100
_FACTS = "id,receivedDateTime,isRead,hasAttachments"


class GraphReceiver(Receiver):
    """Reads one folder of a mailbox. A key is the message's immutable id."""

    def __init__(self, account: Account, services: Services) -> None:
        settings = account.settings
        assert isinstance(settings, GraphIncoming)  # noqa: S101 - core dispatches accounts of this protocol only
        self._settings = settings
        self._client = GraphClient(account, services)

    def __repr__(self) -> str:
        return f"<GraphReceiver {self._client!r} folder={self._settings.folder!r}>"

    async def open(self) -> None:
        """Sign in."""
        await self._client.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()

    @asynccontextmanager
    async def fetch(self, cursor: Cursor, limit: int | None = None) -> AsyncIterator[Deliveries]:
        """List what came into the folder after ``cursor``."""
        place = _Place.read(cursor, self._settings.folder)
        if place is None:
            folder = await folder_id(self._client, self._settings.folder)
            query = f"$select={_FACTS}&changeType=created"
            path = f"{self._client.mailbox}/mailFolders/{quote(folder, safe='')}/messages/delta?{query}"
            place = _Place(self._settings.folder, path)
        yield DeltaDeliveries(self._client, self._settings.graph, place, limit, is_resumed=cursor is not None)

    async def acknowledge(self, deliveries: Sequence[Delivery], action: Action) -> Sequence[Acknowledgement]:
        """Apply ``action`` in batches; a message that is gone counts as done."""
        if CONTROL.search(action.folder or ""):
            raise ConfigurationError("The folder's name contains a control character.", code="folder.name", field="folder")
        if action.kind is ActionKind.LEAVE or not deliveries:
            return [Acknowledgement(key=delivery.key, done=True) for delivery in deliveries]
        target = await folder_id(self._client, action.folder or "", create=True) if action.kind is ActionKind.MOVE else ""
        return await self._settle_all([delivery.key for delivery in deliveries], action.kind, target)

    async def _settle_all(self, keys: Sequence[str], kind: ActionKind, target: str) -> list[Acknowledgement]:
        """Settle batch by batch; a failure leaves the rest undone, and what was done before it is told."""
        done: list[Acknowledgement] = []
        for some in pieces(keys, BATCH):
            try:
                done += await self._settle(some, kind, target)
            except MailportError as error:
                if not done:
                    raise
                return [*done, *(Acknowledgement(key=key, done=False, error=error) for key in keys[len(done) :])]
        return done

    async def _settle(self, keys: Sequence[str], kind: ActionKind, target: str) -> list[Acknowledgement]:
        calls = [self._change(f"{self._client.mailbox}/messages/{quote(key, safe='')}", kind, target) for key in keys]
        answers = await self._client.batch(calls)
        return [self._outcome(key, answer) for key, answer in zip(keys, answers, strict=True)]

    def _change(self, path: str, kind: ActionKind, target: str) -> Call:
        if kind is ActionKind.MARK_READ:
            return Call(method="PATCH", path=path, body={"isRead": True})
        if kind is ActionKind.MOVE:
            return Call(method="POST", path=f"{path}/move", body={"destinationId": target})
        return Call(method="DELETE", path=path)

    def _outcome(self, key: str, answer: Answer | None) -> Acknowledgement:
        if answer is None:
            return Acknowledgement(key=key, done=False, error=malformed())
        if 200 <= answer.status < 300:
            return Acknowledgement(key=key, done=True, new_key=_id(answer))
        error = refusal(answer, self._client.account)
        if error.code == "read.gone":
            return Acknowledgement(key=key, done=True)
        return Acknowledgement(key=key, done=False, error=error)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a round goes on: a page of the delta query, and which of its messages are done with."""

    folder: str
    link: str
    done: frozenset[str] = frozenset()

    @classmethod
    def read(cls, cursor: Cursor, folder: str) -> _Place | None:
        """Read a stored cursor. Raises ``NotFound`` for one of another protocol or folder."""
        if cursor is None:
            return None
        found = cursor if isinstance(cursor, dict) else {}
        link, done = found.get("link"), found.get("done", [])
        if found.get("folder") != folder or not isinstance(link, str) or not isinstance(done, list):
            raise _unknown_cursor()
        if not link.startswith("/users"):
            raise _unknown_cursor()
        return cls(folder, link, frozenset(map(str, done)))

    @property
    def cursor(self) -> Cursor:
        """The place as a host stores it."""
        return {"folder": self.folder, "link": self.link, "done": [*sorted(self.done)]}

    def after(self, key: str) -> _Place:
        """Return the place behind one more message of the page."""
        return _Place(self.folder, self.link, self.done | {_digest(key)})


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _unknown_cursor() -> NotFound:
    return NotFound(
        "Microsoft Graph no longer knows where the last round ended.",
        code="read.cursor",
        remedy="Read from the beginning; messages that are known already are recognised by their key.",
    )


class DeltaDeliveries(Deliveries):
    """One round of a delta query."""

    def __init__(self, client: GraphClient, service: str, place: _Place, limit: int | None, *, is_resumed: bool) -> None:
        self._client = client
        self._service = service
        self._place = place
        self._left = limit
        self._is_resumed = is_resumed
        self._downloads = Downloads(client)

    async def iterate(self) -> AsyncIterator[Delivery]:
        """Yield the deliveries page by page, in the server's order."""
        while self._left != 0:
            page = await self._page()
            fresh = [item for item in _messages(page) if _digest(item["id"]) not in self._place.done]
            self._downloads.announce([item["id"] for item in fresh if item.get("hasAttachments") is False])
            for item in fresh[: self._left]:
                self._place = self._place.after(item["id"])
                yield self._delivery(item)
            if self._left is not None:
                self._left -= min(self._left, len(fresh))
            if self._left == 0 or self._turn(page):
                break
        self.cursor = self._place.cursor

    def _turn(self, page: Mapping[str, Any]) -> bool:
        """Go to the next page; return whether this was the last."""
        is_last = "@odata.nextLink" not in page
        link = local_link(page.get("@odata.deltaLink" if is_last else "@odata.nextLink"), self._service)
        if not is_last and link == self._place.link:
            raise malformed()  # a page that leads to itself would never end
        self._place = _Place(self._place.folder, link)
        return is_last

    async def _page(self) -> dict[str, Any]:
        size = min(_PAGE, self._left or _PAGE)
        try:
            answer = await self._client.call(Call(method="GET", path=self._place.link, prefer=f"odata.maxpagesize={size}"))
        except (NotFound, Refused) as error:
            if self._is_resumed or error.code == "read.cursor":
                raise _unknown_cursor() from error
            raise
        return answer.json()

    def _delivery(self, item: Mapping[str, Any]) -> Delivery:
        key = str(item["id"])
        return Delivery(
            key=key,
            load=partial(self._downloads.load, key),
            cursor=self._place.cursor,
            received_at=received_at(item),
            flags=frozenset({r"\Seen"} if item.get("isRead") else ()),
        )


def _id(answer: Answer) -> str | None:
    with suppress(MailportError):
        found = answer.json().get("id")
        return found if isinstance(found, str) else None
    return None


def _messages(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [item for item in items_of(page) if "@removed" not in item]
