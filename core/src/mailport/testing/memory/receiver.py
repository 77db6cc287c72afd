"""Receiving: folders of a mailbox, by uid."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from mailport.account import Account
from mailport.address import CONTROL
from mailport.errors import ConfigurationError, NotFound, Unreachable, UnsupportedFeature
from mailport.fields import Capabilities
from mailport.testing.memory.fields import EVERYTHING, MemoryIncoming
from mailport.testing.memory.mailbox import Mailbox, StoredMail
from mailport.testing.memory.server import Connection, MemoryMail
from mailport.testing.memory.session import signed_in
from mailport.testing.memory.translate import translated
from mailport.transport import Acknowledgement, Action, ActionKind, Cursor, Deliveries, Delivery, Receiver

__all__ = ["MemoryDeliveries", "MemoryReceiver"]

CHUNK = 64 * 1024


class MemoryReceiver(Receiver):
    """Reads one folder of a ``MemoryMail``. A key is ``epoch/uid``; a cursor names the last uid that was listed."""

    def __init__(self, account: Account, mail: MemoryMail, capabilities: Capabilities = EVERYTHING) -> None:
        self._account = account
        self._mail = mail
        self._capabilities = capabilities
        self._connection: Connection | None = None

    def __repr__(self) -> str:
        return f"<MemoryReceiver {self._account.user_name} open={self._connection is not None}>"

    async def open(self) -> None:
        """Connect and sign in."""
        self._connection = await signed_in(self._account, self._mail)

    async def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    @asynccontextmanager
    async def fetch(self, cursor: Cursor, limit: int | None = None) -> AsyncIterator[Deliveries]:
        """List the messages with a greater uid than the cursor's."""
        mailbox = await self._mailbox()
        last = _last_uid(cursor, mailbox.epoch)
        fresh = [mail for mail in mailbox.mails(self._folder) if mail.uid > last]
        deliveries = [self._delivery(mail, mailbox.epoch) for mail in fresh[:limit]]
        yield MemoryDeliveries(deliveries, start={"epoch": mailbox.epoch, "uid": last})

    async def acknowledge(self, deliveries: Sequence[Delivery], action: Action) -> Sequence[Acknowledgement]:
        """Do it at once, one after another."""
        self._check(action)
        return [await self._settle(delivery.key, action) for delivery in deliveries]

    @property
    def _folder(self) -> str:
        settings = self._account.settings
        return settings.folder if isinstance(settings, MemoryIncoming) else "INBOX"

    async def _mailbox(self) -> Mailbox:
        if self._connection is None:
            raise Unreachable("The receiver is not open.")
        async with translated(), asyncio.timeout(self._account.timeout):
            return await self._connection.mailbox()

    def _delivery(self, mail: StoredMail, epoch: int) -> Delivery:
        key = f"{epoch}/{mail.uid}"
        return Delivery(
            key=key,
            load=partial(self._load, key),
            cursor={"epoch": epoch, "uid": mail.uid},
            size=len(mail.raw),
            received_at=mail.received_at,
            flags=frozenset({"\\Seen"} if mail.seen else ()),
        )

    async def _load(self, key: str) -> AsyncIterator[bytes]:
        found = await self._find(key)
        if found is None:
            raise NotFound("The message is gone.", code="read.gone")
        for at in range(0, len(found.raw), CHUNK):
            yield found.raw[at : at + CHUNK]

    async def _find(self, key: str) -> StoredMail | None:
        mailbox = await self._mailbox()
        epoch, _, uid = key.partition("/")
        found = mailbox.find(int(uid)) if epoch == str(mailbox.epoch) else None
        return found[1] if found else None

    def _check(self, action: Action) -> None:
        lacking = {
            ActionKind.MOVE: not self._capabilities.folders,
            ActionKind.MARK_READ: not self._capabilities.mark_read,
        }
        if lacking.get(action.kind):
            raise UnsupportedFeature(f"This mailbox cannot {action.kind}.", code="read.action")
        if CONTROL.search(action.folder or ""):
            raise ConfigurationError("The folder's name contains a control character.", code="folder.name", field="folder")

    async def _settle(self, key: str, action: Action) -> Acknowledgement:
        mail = await self._find(key)
        if mail is None:  # somebody else, or we ourselves before a crash: what was wanted is done
            return Acknowledgement(key=key, done=True)
        mailbox = await self._mailbox()
        new_key = None
        if action.kind is ActionKind.MARK_READ:
            mail.seen = True
        elif action.kind is ActionKind.DELETE:
            mailbox.remove(mail.uid)
        elif action.kind is ActionKind.MOVE:
            mailbox.move(mail.uid, action.folder or "")
            new_key = f"{mailbox.epoch}/{mail.uid}"
        return Acknowledgement(key=key, done=True, new_key=new_key)


class MemoryDeliveries(Deliveries):
    """One round. Its cursor at the end is that of the last message, or where the round began if there was none."""

    def __init__(self, deliveries: Sequence[Delivery], *, start: Cursor) -> None:
        self._deliveries = deliveries
        self._start = start

    async def iterate(self) -> AsyncIterator[Delivery]:
        """Yield the deliveries by uid."""
        for delivery in self._deliveries:
            yield delivery
        self.cursor = self._deliveries[-1].cursor if self._deliveries else self._start


def _last_uid(cursor: Cursor, epoch: int) -> int:
    """Return the uid after which to read. A cursor of another epoch, or one that is not ours, is no longer known."""
    if cursor is None:
        return 0
    if isinstance(cursor, dict) and cursor.get("epoch") == epoch and isinstance(cursor.get("uid"), int):
        return int(str(cursor["uid"]))
    raise NotFound("The mailbox was rebuilt.", code="read.cursor", remedy="Read it from the beginning.")
