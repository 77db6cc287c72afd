"""One message on its way through a connection, up to its last byte and after it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailport.testing.memory.server import Connection

__all__ = ["Answer", "Reply", "Transfer"]


class Reply(Exception):
    """What the server says instead of doing as asked: a number as SMTP has them, and words."""

    def __init__(self, code: int, text: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says to a message it took, and the id it gave it."""

    text: str
    provider_id: str


class Transfer:
    """One message on its way.

    ``handed_over`` is set once the last byte was written: from there on the server acts on its own, and whoever stops
    listening changes nothing. ``answer`` is what it says in the end.
    """

    def __init__(self, connection: Connection, sender: str, verdicts: Mapping[str, tuple[int, str]]) -> None:
        self.verdicts = dict(verdicts)
        self.handed_over = asyncio.Event()
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._connection = connection
        self._mail = connection.mail
        self._sender = sender
        self._written = bytearray()
        self._work: asyncio.Task[None] | None = None
        connection.transfers.add(self)
        self._mail.under_way.add(self)

    async def write(self, chunk: bytes) -> None:
        """Take a piece of the message, but not its end."""
        await self._mail.obey_faults()
        self._check()
        self._written += chunk

    async def finish(self) -> None:
        """Take the last byte: the message is handed over."""
        await self._mail.obey_faults()
        await self._mail.bodies.passed()
        if self._mail.faults.cut_before_handover:
            self._connection.close()
        self._check()
        self.handed_over.set()
        self._work = asyncio.create_task(self._deliver())

    def withdraw(self) -> None:
        """Give up a message that was not handed over; nothing happens to one that was."""
        if not self.handed_over.is_set():
            self._end()
            self.answer.cancel()

    def cut(self) -> None:
        """Lose the connection under this message."""
        self._end()
        if not self.answer.done():
            self.answer.set_exception(ConnectionResetError("connection lost"))
            self.answer.exception()  # seen: a client that stopped listening is no reason for a warning

    async def _deliver(self) -> None:
        await self._mail.answers.passed()
        accepted = tuple(address for address, (code, _) in self.verdicts.items() if code == 250)
        if self._mail.faults.refuse:
            self._reply(Reply(554, "Message refused"))
            return
        envelope = {"envelope_from": self._sender, "user": self._connection.user}
        mail = self._mail.take(bytes(self._written), envelope_to=accepted, **envelope)
        if self._mail.faults.cut_after_handover:
            self._connection.close()
        else:
            self._reply(Answer("OK, queued", f"memory-{mail.uid}"))

    def _reply(self, said: Answer | Reply) -> None:
        self._end()
        if self.answer.done():
            return
        if isinstance(said, Reply):
            self.answer.set_exception(said)
            self.answer.exception()
        else:
            self.answer.set_result(said)

    def _check(self) -> None:
        if not self._connection.is_open:
            raise ConnectionResetError("connection lost")

    def _end(self) -> None:
        self._connection.transfers.discard(self)
        self._mail.under_way.discard(self)
