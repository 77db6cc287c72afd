"""Receiving: one label of a mailbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from mailport.account import Account
from mailport.errors import MailportError, NotFound
from mailport.services import Services
from mailport.transport import Acknowledgement, Action, ActionKind, Cursor, Deliveries, Delivery, Receiver
from mailport_google.deliveries import GoogleDeliveries
from mailport_google.fields import GoogleIncoming
from mailport_google.gmail import Gmail
from mailport_google.labels import Labels
from mailport_google.listing import changes, whole_label
from mailport_google.place import Place

__all__ = ["GoogleReceiver"]

_BULK = 1000
"""The most messages that one batchModify changes."""


class GoogleReceiver(Receiver):
    """Reads a label. A key is Gmail's message id, which no move changes."""

    def __init__(self, account: Account, services: Services) -> None:
        assert isinstance(account.settings, GoogleIncoming)  # noqa: S101 - core dispatches accounts of this protocol only
        self._settings = account.settings
        self._gmail = Gmail(account, services)
        self._labels = Labels(self._gmail)

    def __repr__(self) -> str:
        return f"<GoogleReceiver {self._settings.folder} {self._gmail!r}>"

    async def open(self) -> None:
        """Sign in."""
        await self._gmail.open()

    async def close(self) -> None:
        """End the connections."""
        await self._gmail.close()

    @asynccontextmanager
    async def fetch(self, cursor: Cursor, limit: int | None = None) -> AsyncIterator[Deliveries]:
        """List the label's messages after ``cursor``."""
        user, label = self._settings.user_name, await self._labels.find(self._settings.folder)
        if cursor is None:
            listing = await whole_label(self._gmail, Place(user=user, label=label, history=""))
        else:
            place = Place.read(cursor, user=user, label=label)
            listing = await (whole_label if place.is_listing else changes)(self._gmail, place)
        yield GoogleDeliveries(self._gmail, listing, limit)

    async def acknowledge(self, deliveries: Sequence[Delivery], action: Action) -> Sequence[Acknowledgement]:
        """Apply ``action``: MOVE exchanges the label, DELETE puts into the trash, from which Gmail removes after 30 days."""
        keys = [delivery.key for delivery in deliveries]
        if action.kind is ActionKind.LEAVE or not keys:
            return [Acknowledgement(key=key, done=True) for key in keys]
        if action.kind is ActionKind.DELETE:
            return await asyncio.gather(*(self._settle(key, self._trash(key)) for key in keys))
        changed = await self._change(action)
        new_keys = action.kind is ActionKind.MOVE
        answers = [await self._modify(keys[at : at + _BULK], changed) for at in range(0, len(keys), _BULK)]
        return [_with_key(answer) if new_keys else answer for part in answers for answer in part]

    async def _change(self, action: Action) -> dict[str, list[str]]:
        if action.kind is ActionKind.MARK_READ:
            return {"removeLabelIds": ["UNREAD"]}
        target = await self._labels.ensure(action.folder or "")
        source = await self._labels.find(self._settings.folder)
        return {"addLabelIds": [target], "removeLabelIds": [source] if source != target else []}

    async def _modify(self, keys: Sequence[str], changed: dict[str, list[str]]) -> Sequence[Acknowledgement]:
        """Change many at once; one by one where Gmail refuses that because one of them is gone."""
        body = {"ids": list(dict.fromkeys(keys)), **changed}
        try:
            await self._gmail.call(lambda users: users.messages().batchModify(userId="me", body=body), "read")
        except MailportError as error:
            if error.code not in ("read.gone", "read.refused"):
                return [Acknowledgement(key=key, done=False, error=error) for key in keys]
        else:
            return [Acknowledgement(key=key, done=True) for key in keys]
        return await asyncio.gather(*(self._settle(key, self._modify_one(key, changed)) for key in keys))

    async def _modify_one(self, key: str, changed: dict[str, list[str]]) -> None:
        await self._gmail.call(lambda users: users.messages().modify(userId="me", id=key, body=changed), "read")

    async def _trash(self, key: str) -> None:
        await self._gmail.call(lambda users: users.messages().trash(userId="me", id=key), "read")

    async def _settle(self, key: str, work: Coroutine[None, None, None]) -> Acknowledgement:
        try:
            await work
        except NotFound:  # somebody else, or we ourselves before a crash: what was wanted is done
            return Acknowledgement(key=key, done=True)
        except MailportError as error:
            return Acknowledgement(key=key, done=False, error=error)
        return Acknowledgement(key=key, done=True)


def _with_key(answer: Acknowledgement) -> Acknowledgement:
    return replace(answer, new_key=answer.key) if answer.done else answer
