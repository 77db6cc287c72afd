"""Sending by SMTP: who it is from, what it says, and then over the session's pipeline."""

from __future__ import annotations

import asyncio

from mailport.account import Account
from mailport.errors import Unreachable
from mailport.message import Message
from mailport.receipt import Receipt
from mailport.services import Services
from mailport.transport import Sender
from mailport_smtp.smtp.connection import Connection
from mailport_smtp.smtp.content import measure, seven_bit
from mailport_smtp.smtp.envelope import check_size, envelope, has_utf8_headers, with_sender, with_utf8_headers
from mailport_smtp.smtp.pipeline import Pipeline
from mailport_smtp.smtp.replies import Extensions
from mailport_smtp.smtp.transaction import Lost, Transaction
from mailport_smtp.smtp.verdict import judge, of_lost

__all__ = ["SmtpSender"]

_PIPELINED = 20
"""Messages that may wait for their turn on one connection; more would only wait longer."""
_FAREWELL = 5.0
"""Seconds for what is under way, and for the answer to QUIT, when a session is closed."""


class SmtpSender(Sender):
    """One SMTP session of an account."""

    max_messages = 100
    crowded_at = 4  # one after the other they take a round trip each

    def __init__(self, account: Account, services: Services) -> None:
        self._account = account
        self._services = services
        self._extensions = Extensions()
        self._pipeline: Pipeline | None = None
        self._places = asyncio.Semaphore(self.max_in_flight)

    def __repr__(self) -> str:
        return f"<SmtpSender {self._account.user_name} alive={self.alive} {self._pipeline!r}>"

    async def open(self) -> None:
        """Connect, negotiate and sign in."""
        connection = Connection(self._account, self._services)
        try:
            await connection.connect()
            await connection.establish()
            await connection.sign_in()
        except BaseException:
            connection.drop()
            raise
        self._begin(connection)

    def _begin(self, connection: Connection) -> None:
        self._extensions = connection.extensions
        pipelining = self._extensions.pipelining
        self.max_in_flight = _PIPELINED if pipelining else 1
        self._places = asyncio.Semaphore(self.max_in_flight)
        self._pipeline = Pipeline(connection.release(), pipelining=pipelining, timeout=self._account.timeout)

    async def close(self) -> None:
        """Wait a little for what is under way, say QUIT and hang up."""
        if self._pipeline is not None:
            await self._pipeline.close(min(_FAREWELL, self._account.timeout))

    @property
    def alive(self) -> bool:
        """Whether the connection is open."""
        return self._pipeline is not None and self._pipeline.ended is None

    async def send(self, message: Message) -> Receipt:
        """Hand over one message; see ``Sender.send``.

        Raises ``UnsupportedFeature``, ``ConfigurationError`` and ``Refused`` (``send.too_large``) before anything of the
        message is written, where the server cannot take it.
        """
        pipeline = self._opened()
        message = with_sender(message, self._account)
        recipients = message.recipients
        transaction = await self._take_place(message)
        try:
            verdict = await pipeline.submit(transaction)
        except Lost as lost:
            raise of_lost(lost, message.message_id, recipients, self._account) from lost.why
        return judge(verdict, message.message_id, recipients, self._account)

    async def _take_place(self, message: Message) -> Transaction:
        """Wait for a place among those in flight; it is free again when the server answered, whoever still waits then."""
        await self._places.acquire()
        try:
            transaction = await self._prepare(message)
        except BaseException:
            self._places.release()
            raise
        transaction.when_ended.append(self._places.release)
        return transaction

    async def _prepare(self, message: Message) -> Transaction:
        addressed = envelope(message, self._account, self._extensions)
        content = await measure(message)
        if not content.is_ascii and has_utf8_headers(message):
            addressed = with_utf8_headers(addressed, self._extensions)
        if not content.is_ascii and not self._extensions.eight_bit:
            content = await seven_bit(message)
        check_size(content, self._extensions)
        return Transaction(addressed.mail(content, self._extensions), addressed.rcpt(), content)

    def _opened(self) -> Pipeline:
        if self._pipeline is None:
            raise Unreachable("The sender is not open.", code="connect.closed", remedy="Open it before sending.")
        return self._pipeline
