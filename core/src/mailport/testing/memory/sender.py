"""Sending: several messages under way on one connection, each with its own answer."""

from __future__ import annotations

import asyncio

from mailport.account import Account
from mailport.errors import Refused, Unreachable
from mailport.fields import Capabilities
from mailport.message import Message
from mailport.receipt import Receipt, Status
from mailport.testing.memory.fields import EVERYTHING
from mailport.testing.memory.server import Connection, MemoryMail
from mailport.testing.memory.session import signed_in
from mailport.testing.memory.transfer import Answer, Transfer
from mailport.testing.memory.translate import translated
from mailport.testing.memory.wire import raise_if_nobody_may, receipt
from mailport.transport import Sender

__all__ = ["MemorySender"]

DRAIN = 5.0
"""Seconds that closing waits for the answers to what was handed over."""


class MemorySender(Sender):
    """Hands messages to a ``MemoryMail``."""

    max_in_flight = 4

    def __init__(self, account: Account, mail: MemoryMail, capabilities: Capabilities = EVERYTHING) -> None:
        self._account = account
        self._mail = mail
        self._capabilities = capabilities
        self._connection: Connection | None = None
        self._slots = asyncio.Semaphore(self.max_in_flight)
        self._unanswered: set[asyncio.Future[Answer]] = set()

    def __repr__(self) -> str:
        return f"<MemorySender {self._account.user_name} alive={self.alive} unanswered={len(self._unanswered)}>"

    async def open(self) -> None:
        """Connect and sign in."""
        self._connection = await signed_in(self._account, self._mail)

    async def close(self) -> None:
        """Wait for the answers to what was handed over, then hang up."""
        if self._unanswered and self.alive:
            await asyncio.wait(self._unanswered, timeout=min(DRAIN, self._account.timeout))
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    @property
    def alive(self) -> bool:
        """Whether the connection is open."""
        return self._connection is not None and self._connection.is_open

    async def send(self, message: Message) -> Receipt:
        """Begin, hand over, and read the answer."""
        transfer = await self._begin(message)
        try:
            raise_if_nobody_may(message, transfer)
            await self._hand_over(transfer, message)
            answer = await self._answer(transfer, message)
        except BaseException:
            transfer.withdraw()
            raise
        return receipt(message, transfer, answer)

    async def find(self, message_id: str) -> bool | None:
        """Look among what the account sent."""
        if not self._capabilities.lookup:
            return None
        async with translated(), asyncio.timeout(self._account.timeout):
            return await self._opened().was_sent(message_id)

    async def _begin(self, message: Message) -> Transfer:
        """Wait for a free place, then send the envelope. The place is free again when the answer is there."""
        await self._slots.acquire()
        try:
            async with translated(), asyncio.timeout(self._account.timeout):
                transfer = await self._opened().begin(return_path(message, self._account), message.recipients)
        except BaseException:
            self._slots.release()
            raise
        self._unanswered.add(transfer.answer)
        transfer.answer.add_done_callback(self._answered)
        return transfer

    def _answered(self, answer: asyncio.Future[Answer]) -> None:
        self._unanswered.discard(answer)
        self._slots.release()

    async def _hand_over(self, transfer: Transfer, message: Message) -> None:
        for chunk in message.chunks():
            async with translated(transfer), asyncio.timeout(self._account.timeout):
                await transfer.write(chunk)
        async with translated(transfer), asyncio.timeout(self._account.timeout):
            await transfer.finish()

    async def _answer(self, transfer: Transfer, message: Message) -> Answer:
        """Wait for the answer. Shielded: whoever is cancelled here no longer wants it, but it comes all the same."""
        try:
            async with translated(transfer), asyncio.timeout(self._account.timeout):
                return await asyncio.shield(transfer.answer)
        except Refused as error:
            error.receipt = Receipt.for_all(message.message_id, message.recipients, Status.REFUSED, text=str(error))
            raise

    def _opened(self) -> Connection:
        if self._connection is None:
            raise Unreachable("The sender is not open.")
        return self._connection


def return_path(message: Message, account: Account) -> str:
    """Return the envelope's sender: the message's own, else the account."""
    return account.user_name if message.envelope_from is None else message.envelope_from
