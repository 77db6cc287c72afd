"""The steady state of an SMTP session: message after message over a connection that is signed in.

With PIPELINING (RFC 2920) the commands of a message are one group, and that group is written together with the content of
the message before: a message costs one round trip. Replies come in the order of what was asked, so that a queue of those
who asked is all it takes to tell them apart.

A message is *handed over* when its final dot was written. A session that ends before leaves it unsent, one that ends later
leaves it uncertain. A message that is given up after DATA was asked can be taken back only by ending the session.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mailport import tls
from mailport.errors import MailportError
from mailport_smtp.smtp.progress import Watchdog
from mailport_smtp.smtp.replies import Malformed, Replies, Reply
from mailport_smtp.smtp.transaction import Transaction, Verdict
from mailport_smtp.wire import END

__all__ = ["Closing", "Pipeline", "Withdrawn"]

_CLOSING = 421
_CLOSED = ConnectionAbortedError("the session was closed")
Hearer = Callable[[Reply], None]


class Withdrawn(Exception):
    """A message was given up when only the end of the session could take it back."""


class Closing(Exception):
    """The server spoke without being asked, or said that it closes the connection; ``reply`` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Question:
    """Bytes to write, and who hears the replies to them. ``hands_over`` is the message that ends with these bytes."""

    data: bytes = b""
    hearers: tuple[Hearer, ...] = ()
    hands_over: Transaction | None = None


def _ignore(_: Reply) -> None:
    """Hear a reply that changes nothing."""


_NOTHING = Question()
_RESET = Question(b"RSET\r\n", (_ignore,))
_EMPTY_CONTENT = Question(END + _RESET.data, (_ignore, *_RESET.hearers))


class Pipeline(asyncio.Protocol):
    """Sends transactions, in the order of ``submit``, until the session ends; ``ended`` then says why."""

    def __init__(self, transport: asyncio.Transport, *, pipelining: bool, timeout: float) -> None:
        loop = asyncio.get_running_loop()
        self.ended: Exception | None = None
        self._transport = transport
        self._pipelining = pipelining
        self._closing = False
        self._replies = Replies()
        self._hearers: deque[Hearer] = deque()
        self._queue: deque[Transaction] = deque()
        self._open: set[Transaction] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._arrival = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._gone: asyncio.Future[None] = loop.create_future()
        self._watchdog = Watchdog(transport, timeout, self._time_out)
        transport.set_protocol(self)
        self._writer = asyncio.create_task(self._run())
        if transport.is_closing():  # whoever had it before was told, and we are not told again
            self.connection_lost(None)

    def __repr__(self) -> str:
        return f"<Pipeline queued={len(self._queue)} under_way={len(self._open)} ended={self.ended!r}>"

    # What the session's user calls.

    async def submit(self, transaction: Transaction) -> Verdict:
        """Send one message; return what the server said, or raise ``Lost``."""
        if self.ended is not None or self._closing:
            transaction.lose(self.ended or _CLOSED)
        else:
            self._admit(transaction)
        try:
            return await transaction.outcome
        except asyncio.CancelledError:
            self._withdraw(transaction)
            raise

    def _admit(self, transaction: Transaction) -> None:
        self._open.add(transaction)
        self._idle.clear()
        transaction.when_ended.append(lambda: self._discharge(transaction))
        self._queue.append(transaction)
        self._arrival.set()

    def _discharge(self, transaction: Transaction) -> None:
        self._open.discard(transaction)
        if not self._open:
            self._idle.set()

    def _withdraw(self, transaction: Transaction) -> None:
        transaction.withdrawn = True
        if transaction in self._queue:
            self._queue.remove(transaction)
            transaction.lose(Withdrawn())
        elif transaction.content_begun and not transaction.handed_over:
            self.end(Withdrawn())

    async def close(self, limit: float) -> None:
        """Take nothing more, wait for what is under way, say QUIT, and release everything; each within ``limit`` seconds."""
        self._closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._idle.wait()
        if self.ended is None and not self._open:
            farewell: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            self._ask(Question(b"QUIT\r\n", (farewell.set_result,)))
            waited: list[asyncio.Future[Any]] = [farewell, self._gone]
            await asyncio.wait(waited, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        self.end(_CLOSED)
        await asyncio.wait([self._gone], timeout=limit)
        await asyncio.wait([self._writer], timeout=limit)

    def end(self, why: Exception) -> None:
        """End the session now; what still lies in a buffer is not written any more."""
        if self.ended is not None:
            return
        self.ended = why
        self._watchdog.stop()
        tls.abort(self._transport)
        self._queue.clear()
        for transaction in list(self._open):
            transaction.lose(why)
        if asyncio.current_task() is not self._writer:
            self._writer.cancel()

    # What the event loop calls.

    def data_received(self, data: bytes) -> None:
        """Give each reply to whoever asked."""
        self._watchdog.moved()
        try:
            for reply in self._replies.feed(data):
                self._hear(reply)
        except Malformed as error:
            self.end(error)

    def pause_writing(self) -> None:
        """Stop writing: the connection's buffer is full."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on writing."""
        self._watchdog.moved()
        self._writable.set()

    def eof_received(self) -> None:
        """End the session: a server that says nothing more accepts nothing more."""
        self.end(ConnectionResetError("the server closed the connection"))

    def connection_lost(self, exc: Exception | None) -> None:
        """End the session."""
        self.end(exc or ConnectionResetError("the connection was closed"))
        if not self._gone.done():
            self._gone.set_result(None)

    def _hear(self, reply: Reply) -> None:
        if self.ended is not None:
            return
        if not self._hearers:
            self.end(Closing(reply))
            return
        self._hearers.popleft()(reply)
        if reply.code == _CLOSING:
            self.end(Closing(reply))
        elif not self._hearers:
            self._watchdog.stop()

    def _time_out(self) -> None:
        self.end(TimeoutError("the server made no progress"))

    # Writing.

    def _ask(self, *questions: Question) -> None:
        """Write the questions at once."""
        for question in questions:
            self._hearers.extend(question.hearers)
            if question.hands_over is not None:
                question.hands_over.handed_over = True
        self._watchdog.start()
        self._transport.write(b"".join(question.data for question in questions))

    async def _run(self) -> None:
        try:
            await self._write_all()
        except Exception as error:  # every message is told
            self.end(error)

    async def _write_all(self) -> None:
        """Write message after message; what ends one goes together with the envelope of the next."""
        ending = _NOTHING
        while True:
            if not self._queue:
                if ending.data:
                    self._ask(ending)
                ending = _NOTHING
                self._arrival.clear()
                await self._arrival.wait()
            else:
                ending = await self._write(self._queue.popleft(), ending)

    async def _write(self, transaction: Transaction, ending: Question) -> Question:
        """Write a message but for what ends it, and return that."""
        for commands in self._groups(transaction):
            await self._converse(transaction, commands, ending)
            ending = _NOTHING
            if transaction.is_hopeless or transaction.withdrawn:
                break
        if not transaction.is_invited:
            transaction.conclude()
            return _RESET
        if transaction.withdrawn:
            raise Withdrawn
        if transaction.is_hopeless:
            transaction.conclude()
            return _EMPTY_CONTENT
        return await self._write_content(transaction)

    def _groups(self, transaction: Transaction) -> Iterable[tuple[bytes, ...]]:
        return [transaction.commands] if self._pipelining else [(command,) for command in transaction.commands]

    async def _converse(self, transaction: Transaction, commands: tuple[bytes, ...], ending: Question) -> None:
        """Write commands after what ends the message before, and wait for their replies."""
        answered = transaction.expect(len(commands))
        self._ask(ending, Question(b"".join(commands), (transaction.hear,) * len(commands)))
        await answered

    async def _write_content(self, transaction: Transaction) -> Question:
        transaction.content_begun = True
        last = b""
        try:
            async for piece in transaction.content.pieces():
                if last:
                    await self._write_piece(last)
                last = piece
        except MailportError as error:  # the message's file is gone: that is no fault of the session's
            transaction.fail(error)
            raise Withdrawn from error
        return Question(last, (transaction.hear_last,), transaction)

    async def _write_piece(self, piece: bytes) -> None:
        self._transport.write(piece)
        self._watchdog.start()  # now it is the peer's turn; the time that we need for the next piece does not count
        await asyncio.sleep(0)  # others have their turn even where the peer is faster than we are
        await self._writable.wait()
        self._watchdog.stop()
