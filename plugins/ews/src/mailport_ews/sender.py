"""Sending: CreateItem with the message as MIME, several messages in one request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from mailport.account import Account
from mailport.envelope import addressed, chunks_with_bcc
from mailport.errors import ConfigurationError, MailportError, Refused, Throttled, TimedOut, Uncertain, Unreachable
from mailport.message import Message
from mailport.receipt import Receipt, Status
from mailport.services import Services
from mailport.shared_failures import own_error
from mailport.transport import Sender
from mailport_ews.body import Body, Mime
from mailport_ews.bulk import MOST, Bulk, Outcome
from mailport_ews.client import Client
from mailport_ews.wire import receipt, weight

__all__ = ["EwsSender"]

DRAIN = 10.0
"""Seconds that closing waits for the answer to what was handed over."""

_AMBIGUOUS = frozenset({"500", "502", "504", "ErrorTimeoutExpired", "ErrorInternalServerError"})
"""What a server or a gateway may say after it has sent the messages."""


class EwsSender(Sender):
    """Sends from one mailbox, over one connection."""

    max_in_flight = 2 * MOST  # while one request is under way the next one gathers

    def __init__(self, account: Account, services: Services) -> None:
        settings: Any = account.settings
        self._account = account
        self._saves: bool = settings.save_to_sent_items
        self._client = Client(account, services)
        self._bulk = Bulk(self._transmit, self._withdraw)
        self._places = asyncio.Semaphore(self.max_in_flight)
        self._request: Body | None = None
        self._is_open = False

    def __repr__(self) -> str:
        return f"<EwsSender {self._account.user_name} alive={self.alive} {self._bulk!r}>"

    @property
    def alive(self) -> bool:
        """Whether the connection can take another message."""
        return self._is_open and self._client.alive

    async def open(self) -> None:
        """Connect and sign in."""
        await self._client.open()
        self._is_open = True

    async def close(self) -> None:
        """Wait for the answer to what was handed over, then hang up."""
        if self.alive:
            await self._bulk.drain(min(DRAIN, self._account.timeout))
        self._is_open = False
        await self._client.close()
        await self._bulk.drain(DRAIN)  # the cut has told the last ones what became of them

    async def send(self, message: Message) -> Receipt:
        """Send one message, together with others that are sent at the same time.

        Exchange takes a message or refuses it; what becomes of single recipients comes later, as a bounce.
        """
        prepared = addressed(message, self._account)
        if not self.alive:
            raise Unreachable("The sender is not open.", code="connect.closed", remedy="Open a new session.")
        async with self._places:
            return await self._bulk.send(prepared, weight(prepared))

    async def find(self, message_id: str) -> bool | None:
        """Look in the sent items and the outbox; where no copy is saved, not to find it says nothing."""
        found = await self._client.call(self._client.operations.was_sent, message_id)
        return found or (False if self._saves else None)

    async def _transmit(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        """Send messages in one request; if it is refused as a whole for good, each alone, so that only the bad one fails."""
        outcomes = await self._attempt(messages)
        if len(messages) > 1 and all(isinstance(outcome, Refused) and outcome.receipt is None for outcome in outcomes):
            outcomes = [(await self._attempt([message]))[0] for message in messages]
        return [
            own_error(outcome, message) if isinstance(outcome, MailportError) else outcome
            for outcome, message in zip(outcomes, messages, strict=True)
        ]

    async def _attempt(self, messages: Sequence[Message]) -> list[Outcome]:
        try:
            return await self._client.call(self._post, messages)
        except MailportError as error:
            return [error] * len(messages)

    def _post(self, messages: Sequence[Message]) -> list[Outcome]:
        """Render and send; in the client's thread. A message that cannot be rendered does not stop the others."""
        with ExitStack() as stack:
            rendered = [_rendered(message, stack) for message in messages]
            failures = iter(self._hand_over([mime for mime in rendered if isinstance(mime, Mime)]))
            return [
                _outcome(message, next(failures, _UNANSWERED)) if isinstance(made, Mime) else made
                for message, made in zip(messages, rendered, strict=True)
            ]

    def _hand_over(self, mimes: Sequence[Mime]) -> Sequence[MailportError | None]:
        if not mimes:
            return []
        self._request = request = self._client.operations.sending(mimes, save=self._saves)
        try:
            return self._client.operations.send(request)
        except (Unreachable, Throttled) as error:
            if not request.finished or _is_definite(error):
                raise
            # Once the request was written nobody knows, unless the server said so.
            raise _uncertain(error) from error
        finally:
            self._request = None

    def _withdraw(self) -> None:
        """Cut the connection unless everything was written: then the answer is still read."""
        if self._request is None or not self._request.finished:
            self._client.abort()


def _is_definite(error: MailportError) -> bool:
    return error.provider_code is not None and error.provider_code not in _AMBIGUOUS


def _uncertain(error: MailportError) -> Uncertain:
    silent = isinstance(error, TimedOut)
    return Uncertain(
        f"The server took the message and {'stayed silent' if silent else 'gave no answer that tells what became of it'}.",
        remedy="Look the message up before sending it again.",
        provider_code=error.provider_code,
        request_id=error.request_id,
    )


_UNANSWERED = Uncertain("The server took the message and said nothing about it.", remedy="Look the message up.")


def _rendered(message: Message, stack: ExitStack) -> Mime | MailportError:
    try:
        return stack.enter_context(Mime(chunks_with_bcc(message)))
    except MailportError as error:
        return error
    except OSError as error:  # the file of a spooled message is gone
        failed = ConfigurationError("The message cannot be read.", code="message.unreadable", remedy="Check its file.")
        failed.__cause__ = error
        return failed


def _outcome(message: Message, failure: MailportError | None) -> Outcome:
    if failure is None:
        return receipt(message, Status.ACCEPTED, "The server took the message.")
    error = failure if _is_definite(failure) or isinstance(failure, Uncertain) else _uncertain(failure)
    return own_error(error, message) if isinstance(error, Refused) else error
