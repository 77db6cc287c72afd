"""Receiving by IMAP: list what is new, hand out the bytes on demand, file what was stored."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from mailport.account import Account
from mailport.errors import ConfigurationError, NotFound, PermissionDenied, UnsupportedFeature
from mailport.services import Services
from mailport.transport import Acknowledgement, Action, ActionKind, Cursor, Deliveries, Delivery, Receiver, Rung
from mailport_smtp.imap.ahead import ReadAhead, is_small
from mailport_smtp.imap.filing import Filed, Filing
from mailport_smtp.imap.folders import Status, check_name, resolve, select
from mailport_smtp.imap.link import ImapLink
from mailport_smtp.imap.listing import CHUNK, YIELDED, Facts, facts, piece, uids_after
from mailport_smtp.receive_translate import explain

__all__ = ["ImapReceiver"]

_KEY = re.compile(r"(\d{1,10})/(\d{1,10})")
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a folder: the UIDs up to ``uid`` are behind it, as long as the folder keeps its UIDVALIDITY."""

    uidvalidity: int
    uid: int

    @property
    def key(self) -> str:
        """The key of the message at this place."""
        return f"{self.uidvalidity}/{self.uid}"

    @property
    def cursor(self) -> Cursor:
        """The place as a cursor."""
        return {"uidvalidity": self.uidvalidity, "uid": self.uid}

    @classmethod
    def start(cls, cursor: Cursor, status: Status) -> Place:
        """Return where to go on; raises ``NotFound`` (``read.cursor``) for a cursor of another generation of the folder."""
        if cursor is None:
            return cls(status.uidvalidity, 0)
        found = cursor if isinstance(cursor, dict) else {}
        uidvalidity, uid = found.get("uidvalidity"), found.get("uid")
        if uidvalidity != status.uidvalidity or not isinstance(uid, int) or uid < 0:
            raise NotFound(
                f"The folder “{status.name}” was made anew since it was read last.",
                code="read.cursor",
                remedy="Read it from the beginning.",
            )
        return cls(status.uidvalidity, uid)

    @classmethod
    def of(cls, key: str) -> Place | None:
        """Return the place of a message, None for what is no key of ours."""
        found = _KEY.fullmatch(key)
        return cls(int(found[1]), int(found[2])) if found else None


class ImapReceiver(Receiver):
    """Reads one folder."""

    def __init__(self, account: Account, services: Services) -> None:
        self._link = ImapLink(account, services)
        self._account = account
        self._folder = ""
        self._status: Status | None = None

    @property
    def alive(self) -> bool:
        """Whether the session can be used, as far as is known without asking the server."""
        return self._link.alive

    async def open(self) -> None:
        """Connect and sign in."""
        await self._link.open()

    async def close(self) -> None:
        """Sign off and release everything."""
        await self._link.close()
        self._status = None

    @asynccontextmanager
    async def fetch(self, cursor: Cursor, limit: int | None = None) -> AsyncIterator[Deliveries]:
        """List the messages after ``cursor`` in the order of their UIDs, at most ``limit``."""
        status = await self._select()
        yield _News(self._link, status, Place.start(cursor, status), limit)

    async def acknowledge(self, deliveries: Sequence[Delivery], action: Action) -> Sequence[Acknowledgement]:
        """Mark, move or delete the deliveries, one answer each."""
        self._check(action)
        if action.kind is ActionKind.LEAVE or not deliveries:
            return [Acknowledgement(key=delivery.key, done=True) for delivery in deliveries]
        status = self._status or await self._select()
        _check_folder(status, action.kind)
        places = {delivery.key: Place.of(delivery.key) for delivery in deliveries}
        uids = [place.uid for place in places.values() if place and place.uidvalidity == status.uidvalidity]
        filed = await self._link.run(Rung.FOLDER, self._file, uids, action)
        return [self._answer(key, places[key], status, filed) for key in (delivery.key for delivery in deliveries)]

    async def _select(self) -> Status:
        name: str = getattr(self._account.settings, "folder", "INBOX")
        check_name(name)
        self._status = await self._link.run(Rung.FOLDER, self._select_blocking, name)
        return self._status

    def _select_blocking(self, name: str) -> Status:
        self._folder = self._folder or resolve(self._link.client, name)
        return select(self._link.client, self._folder)

    def _check(self, action: Action) -> None:
        if action.kind is not ActionKind.MOVE:
            return
        check_name(action.folder or "")
        own: str = getattr(self._account.settings, "folder", "INBOX")
        if (action.folder or "").upper() == own.upper():
            raise ConfigurationError(
                f"Messages of “{own}” cannot be moved to the same folder: they would come again.",
                code="folder.same",
                field="folder",
                remedy="Choose another folder to move to.",
            )

    def _file(self, uids: Sequence[int], action: Action) -> Filed:
        filing = Filing(self._link.client, self._link.offers)
        if action.kind is ActionKind.MARK_READ:
            return filing.mark_read(uids)
        if action.kind is ActionKind.DELETE:
            return filing.delete(uids)
        return filing.move(uids, resolve(self._link.client, action.folder or ""))

    def _answer(self, key: str, place: Place | None, status: Status, filed: Filed) -> Acknowledgement:
        if place is None or place.uidvalidity != status.uidvalidity:
            stale = NotFound("The folder was made anew since this message was read.", code="read.cursor")
            return Acknowledgement(key=key, done=False, error=stale)
        cause = filed.errors.get(place.uid)
        if cause is None:
            note = f"The folder “{filed.made}” was made." if filed.made else ""
            return Acknowledgement(key=key, done=True, new_key=filed.new_keys.get(place.uid), note=note)
        error = explain(cause, account=self._account, rung=Rung.FOLDER)
        error.__cause__ = cause
        return Acknowledgement(key=key, done=False, error=error)


def _check_folder(status: Status, kind: ActionKind) -> None:
    """Refuse what the folder cannot take, before any message is touched."""
    if not status.writable:
        raise PermissionDenied(
            f"The folder “{status.name}” can only be read.",
            code="folder.read_only",
            field="folder",
            remedy="Grant the right to change it, or leave the messages where they are.",
        )
    if kind is ActionKind.MARK_READ and not status.keeps(r"\Seen"):
        raise UnsupportedFeature(
            f"The folder “{status.name}” does not keep the mark of read messages.",
            code="folder.mark_read",
            field="folder",
            remedy="Choose to move, delete or leave the messages.",
        )


class _News(Deliveries):
    """What came after a place."""

    def __init__(self, link: ImapLink, status: Status, place: Place, limit: int | None) -> None:
        self._link = link
        self._status = status
        self._place = place
        self._limit = limit
        self._ahead = ReadAhead()

    async def iterate(self) -> AsyncIterator[Delivery]:
        """Yield the deliveries in the order of their UIDs."""
        left = self._limit
        async for batch in self._batches():
            wanted = batch if left is None else batch[:left]
            known: list[Facts] = await self._run(facts, wanted) if wanted else []
            for index in range(len(known)):
                yield self._delivery(known, index)
            self._place = Place(self._place.uidvalidity, max(wanted, default=self._place.uid))
            if left is not None:
                left -= len(wanted)
                if left <= 0:
                    break
        self.cursor = self._place.cursor

    async def _batches(self) -> AsyncIterator[Sequence[int]]:
        found = uids_after(self._link.client, self._status, self._place.uid)
        while (uids := await self._link.run(Rung.READ, next, found, None)) is not None:
            for start in range(0, len(uids), _AT_ONCE):
                yield uids[start : start + _AT_ONCE]

    def _delivery(self, batch: Sequence[Facts], index: int) -> Delivery:
        each = batch[index]
        place = Place(self._status.uidvalidity, each.uid)
        return Delivery(
            key=place.key,
            load=partial(self._load, batch, index),
            cursor=place.cursor,
            size=each.size,
            received_at=each.received_at,
            flags=each.flags,
        )

    async def _load(self, batch: Sequence[Facts], index: int) -> AsyncIterator[bytes]:
        small = await self._run(self._ahead.take, batch, index) if is_small(batch[index]) else None
        if small is not None:
            yield small
            return
        async for chunk in self._pieces(batch[index].uid):
            yield chunk

    async def _pieces(self, uid: int) -> AsyncIterator[bytes]:
        offset = 0
        while True:
            found: bytes = await self._run(piece, uid, offset)
            for start in range(0, len(found), YIELDED):
                yield found[start : start + YIELDED]
            if len(found) < CHUNK:
                return
            offset += len(found)

    async def _run(self, function: Any, *arguments: Any) -> Any:
        return await self._link.run(Rung.READ, function, self._link.client, *arguments)
