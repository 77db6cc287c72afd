"""Sending: choose the way of a message, then hand it over."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from mailport.account import Account
from mailport.envelope import addressed
from mailport.errors import PermissionDenied, Refused, Throttled, Uncertain
from mailport.message import Message
from mailport.receipt import Receipt, Status
from mailport.services import Services
from mailport.shared_failures import own_error
from mailport.transport import Sender
from mailport_graph.client import Call, GraphClient
from mailport_graph.drafts import find_original, send_draft
from mailport_graph.fields import GraphOutgoing
from mailport_graph.outbox import Outbox
from mailport_graph.paths import Path, Plan, choose
from mailport_graph.wire import attachment, base64_text, draft, items_of, mime, quoted

__all__ = ["GraphSender"]


class GraphSender(Sender):
    """Sends as one mailbox."""

    max_in_flight = 100  # five batches; each message is held in memory as base64

    def __init__(self, account: Account, services: Services) -> None:
        settings = account.settings
        assert isinstance(settings, GraphOutgoing)  # noqa: S101 - core dispatches accounts of this protocol only
        self._account = account
        self._settings = settings
        self._client = GraphClient(account, services)
        self._outbox = Outbox(self._client)
        self._places = asyncio.Semaphore(self.max_in_flight)

    def __repr__(self) -> str:
        return f"<GraphSender {self._client!r} {self._outbox!r}>"

    async def open(self) -> None:
        """Sign in."""
        await self._client.open()

    async def close(self) -> None:
        """Wait for the answers to what was handed over, then close every connection."""
        await self._outbox.close()
        await self._client.close()

    async def send(self, message: Message) -> Receipt:
        """Hand over one message on the first way that can carry it.

        Raises ``UnsupportedFeature`` where no way carries what the account does not give up.
        """
        async with self._places:
            message = addressed(message, self._account)
            try:
                return await self._deliver(message)
            except (Refused, Throttled, Uncertain) as error:
                raise own_error(error, message) from error  # one failure may be that of many messages

    async def find(self, message_id: str) -> bool | None:
        """Look for the message in the mailbox; None where no copy is kept, or the app may not read."""
        if not self._settings.save_to_sent_items:
            return None
        query = f"$filter={quote(f'internetMessageId eq {quoted(message_id)}')}&$select=id,isDraft&$top=10"
        try:
            answer = await self._client.call(Call(method="GET", path=f"{self._client.mailbox}/messages?{query}"))
        except PermissionDenied:
            return None
        found = items_of(answer.json())
        if any(not item.get("isDraft") for item in found):
            return True
        return None if found else False  # a draft may be on its way out

    async def _deliver(self, message: Message) -> Receipt:
        raw = mime(message)
        plan = choose(message, self._settings, fits_mime=raw is not None)
        if plan.path is Path.MIME:
            await self._outbox.send(self._submission(base64_text(raw or b""), "text/plain"))
        elif plan.path is Path.JSON:
            await self._outbox.send(self._submission(_whole(message), "application/json"))
        else:
            return await self._deliver_draft(message, plan)
        return self._receipt(message, plan)

    async def _deliver_draft(self, message: Message, plan: Plan) -> Receipt:
        original = await find_original(self._client, message) if plan.path is Path.REPLY else None
        if plan.path is Path.REPLY and original is None:
            plan = choose(message, self._settings, fits_mime=False, has_original=False)
        if plan.path is Path.JSON:
            await self._outbox.send(self._submission(_whole(message), "application/json"))
            return self._receipt(message, plan)
        return self._receipt(message, plan, await send_draft(self._client, message, original=original))

    def _submission(self, body: object, content_type: str) -> Call:
        return Call(method="POST", path=f"{self._client.mailbox}/sendMail", body=body, content_type=content_type)

    def _receipt(self, message: Message, plan: Plan, provider_id: str | None = None) -> Receipt:
        made = Receipt.for_all(message.message_id, message.recipients, Status.ACCEPTED, text="202 Accepted")
        return Receipt(
            message_id=made.message_id,
            recipients=made.recipients,
            reply=made.reply,
            provider_id=provider_id,
            notes=plan.notes,
        )


def _whole(message: Message) -> dict[str, object]:
    """Return a message with its files for one request that leaves no copy."""
    files = [attachment(file) for file in message.attachments]
    return {"message": draft(message) | ({"attachments": files} if files else {}), "saveToSentItems": False}
