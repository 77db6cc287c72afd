"""Sending: a media upload per message, several at once on lines of their own."""

from __future__ import annotations

from functools import partial
from typing import Any

from mailport.account import Account
from mailport.envelope import addressed
from mailport.errors import MailportError, Refused, Throttled, Uncertain
from mailport.message import Message
from mailport.receipt import Receipt
from mailport.services import Services
from mailport.shared_failures import own_error
from mailport.transport import Sender
from mailport_google.fields import GoogleOutgoing
from mailport_google.gmail import Gmail
from mailport_google.translate import malformed
from mailport_google.wire import header_ids, receipt

__all__ = ["GoogleSender"]

RECENT = 20
"""How many of the newest sent messages are looked at for a Message-ID that Gmail replaced."""

_IDS = ["Message-ID", "X-Google-Original-Message-ID"]


class GoogleSender(Sender):
    """Sends through the Gmail API as the user of the account."""

    def __init__(self, account: Account, services: Services) -> None:
        assert isinstance(account.settings, GoogleOutgoing)  # noqa: S101 - core dispatches accounts of this protocol only
        self._account = account
        self._settings = account.settings
        self._gmail = Gmail(account, services)
        self.max_in_flight = account.settings.parallel_requests

    def __repr__(self) -> str:
        return f"<GoogleSender {self._gmail!r}>"

    async def open(self) -> None:
        """Sign in."""
        await self._gmail.open()

    async def close(self) -> None:
        """End the connections."""
        await self._gmail.close()

    async def send(self, message: Message) -> Receipt:
        """Hand over one message. Gmail takes it for all recipients or for none; later refusals come as bounces."""
        message = addressed(message, self._account)
        try:
            answer = await self._gmail.call(partial(_send_request, message), "send")
            key = _key(answer)
        except (Refused, Throttled, Uncertain) as error:
            raise own_error(error, message) from error
        return receipt(message, key, await self._stored_id(key))

    async def find(self, message_id: str) -> bool | None:
        """Look a message up in the mailbox; None where the account may not read.

        Gmail may have replaced the Message-ID: the newest sent messages are therefore asked for the original one as well.
        """
        if not self._settings.read_sent_mail:
            return None
        found = await self._list(q=f"rfc822msgid:{message_id.strip('<>')}", includeSpamTrash=True)
        if found:
            return True
        for sent in await self._list(labelIds=["SENT"], maxResults=RECENT):
            if message_id in (await self._ids(sent)).values():
                return True
        return False

    async def _stored_id(self, key: str) -> str | None:
        """Return the Message-ID that Gmail keeps; the message has left, so nothing here makes the sending fail."""
        if not self._settings.read_sent_mail:
            return None
        try:
            return (await self._ids(key)).get("message-id")
        except MailportError:
            return None

    async def _list(self, **query: Any) -> list[str]:
        answer = await self._gmail.call(lambda users: users.messages().list(userId="me", **query), "read")
        return [str(message["id"]) for message in answer.get("messages", ())]

    async def _ids(self, key: str) -> dict[str, str]:
        def request(users: Any) -> Any:
            return users.messages().get(userId="me", id=key, format="metadata", metadataHeaders=_IDS)

        return header_ids(await self._gmail.call(request, "read"))


def _key(answer: dict[str, Any]) -> str:
    """Return the id that Gmail gave the message; an answer without it comes from somebody else."""
    if not answer.get("id"):
        raise malformed("send")
    return str(answer["id"])


def _send_request(message: Message, users: Any) -> Any:
    from mailport_google.upload import send_request  # noqa: PLC0415 - in a thread, as all of Google's libraries

    return send_request(message, users)
