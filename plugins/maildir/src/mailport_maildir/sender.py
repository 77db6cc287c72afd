"""Sending: a message is handed over when its file appears in ``new``."""

from __future__ import annotations

import asyncio
from threading import Lock

from mailport.account import Account
from mailport.errors import MailportError, TimedOut, Uncertain, Unreachable
from mailport.message import Message
from mailport.receipt import Receipt, RecipientResult, Status
from mailport.services import Services
from mailport.transport import Sender
from mailport_maildir.disk import Disk
from mailport_maildir.folder import Folder
from mailport_maildir.translate import explain
from mailport_maildir.wire import digest, new_name

__all__ = ["MaildirSender"]


class HandOver:
    """Decides between a thread that wants to hand a message over and a caller who no longer wants it: one of them is first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._withdrawn = False
        self.done = False

    def begin(self) -> bool:
        """Whether the message may be handed over; from here on it counts as handed over."""
        with self._lock:
            self.done = not self._withdrawn
            return self.done

    def withdraw(self) -> bool:
        """Whether it was not handed over, and now never will be."""
        with self._lock:
            self._withdrawn = not self.done
            return self._withdrawn


class MaildirSender(Sender):
    """Writes messages into the account's Maildir, one file each, whoever its recipients are."""

    max_in_flight = 4  # more would wait for the same disk

    def __init__(self, account: Account, services: Services) -> None:
        self._account = account
        self._services = services
        self._disk = Disk(self.max_in_flight)
        self._folder: Folder | None = None
        self._slots = asyncio.Semaphore(self.max_in_flight)

    def __repr__(self) -> str:
        return f"<MaildirSender {self._account.user_name} alive={self.alive}>"

    async def open(self) -> None:
        """Open the Maildir, creating it when missing, and tidy up what given-up deliveries left."""
        self._folder = await self._disk.open(self._account, self._services)
        await self._disk.run(self._folder.remove_stale)

    async def close(self) -> None:
        """Finish what is being written."""
        self._folder = None
        await self._disk.close()

    @property
    def alive(self) -> bool:
        """Whether the Maildir is open."""
        return self._folder is not None

    async def send(self, message: Message) -> Receipt:
        """Write the message beside ``new``, then let it appear there."""
        await self._slots.acquire()
        name, hand_over = new_name(message.message_id), HandOver()
        work = asyncio.ensure_future(self._deliver(name, message, hand_over))
        work.add_done_callback(self._written)
        try:
            # Shielded: a thread cannot be stopped, so the place stays taken until it is done.
            async with asyncio.timeout(self._account.timeout):
                await asyncio.shield(work)
        except TimeoutError as error:
            raise _too_slow(unsent=hand_over.withdraw()) from error
        except asyncio.CancelledError:
            hand_over.withdraw()
            raise
        results = tuple(RecipientResult(address=address, status=Status.ACCEPTED) for address in message.recipients)
        return Receipt(message_id=message.message_id, recipients=results, provider_id=name)

    async def find(self, message_id: str) -> bool | None:
        """Look for the message in every folder of the Maildir; one that was deleted since is not found."""
        wanted = f"I{digest(message_id)}."
        names = await self._disk.run(lambda: list(self._opened().names_everywhere()))
        return any(wanted in name for name in names)

    async def _deliver(self, name: str, message: Message, hand_over: HandOver) -> None:
        try:
            await self._disk.run(_deliver, self._opened(), name, message, hand_over)
        except OSError as error:
            if isinstance(error, MailportError):
                raise
            raise explain(error, handed_over=hand_over.done) from error

    def _written(self, work: asyncio.Task[None]) -> None:
        self._slots.release()
        if not work.cancelled():
            work.exception()  # seen: whoever waited was told

    def _opened(self) -> Folder:
        if self._folder is None:
            raise Unreachable("The sender is not open.", code="connect.closed")
        return self._folder


def _deliver(folder: Folder, name: str, message: Message, hand_over: HandOver) -> None:
    folder.deliver(name, message.chunks(), hand_over.begin)


def _too_slow(*, unsent: bool) -> MailportError:
    if unsent:
        return TimedOut("The disk did not take the message in time.", code="send.timeout", remedy="Try again later.")
    return Uncertain("The message was delivered, and the disk did not confirm it in time.")
