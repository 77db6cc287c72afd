"""Big messages: a draft in the mailbox, its files uploaded one after another, then sent.

The draft's immutable id is the id of the copy in Sent Items (https://learn.microsoft.com/graph/outlook-immutable-id).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import quote, unquote

from mailport.content import Attachment
from mailport.errors import MailportError, Uncertain, Unreachable
from mailport.message import Message
from mailport_graph.client import Call, GraphClient, Progress
from mailport_graph.translate import malformed, refusal, uncertain
from mailport_graph.wire import attachment, draft, items_of, quoted, upload_item

__all__ = ["find_original", "send_draft"]

_SESSION_FROM = 3 * 1024 * 1024
"""Bytes from which a file needs an upload session; for smaller ones Exchange refuses one."""

_RANGE = 12 * 320 * 1024  # a multiple of 320 KiB, below the 4 MB that a range may have
_CLEAN_UP = 5.0  # seconds for removing a draft that will not be sent


async def find_original(client: GraphClient, message: Message) -> str | None:
    """Return the Graph id of the message that ``message`` answers, or None where the mailbox does not have it."""
    ids = [name for name in (message.in_reply_to, *reversed(message.references[-1:])) if name]
    for message_id in dict.fromkeys(ids):
        query = f"$filter={quote(f'internetMessageId eq {quoted(message_id)}')}&$select=id,isDraft&$top=5"
        answer = await client.call(Call(method="GET", path=f"{client.mailbox}/messages?{query}"))
        for item in items_of(answer.json()):
            if not item.get("isDraft"):
                return str(item["id"])
    return None


async def send_draft(client: GraphClient, message: Message, *, original: str | None) -> str:
    """Send ``message`` by way of a draft, as an answer to ``original`` if that is given; return its id.

    Until the draft is sent every failure leaves the message unsent, and the draft is removed again. Once it may have been
    sent nothing is removed: under its id lies the copy in Sent Items.
    """
    path = await _create(client, message, original)
    sending = Progress()
    try:
        for file in message.attachments:
            await _attach(client, path, file)
        await _send(client, path, sending)
    except Uncertain:
        raise
    except BaseException as error:
        if isinstance(error, MailportError) or not sending.begun:
            await _remove(client, path)
        raise
    return unquote(path.rpartition("/")[2])


async def _create(client: GraphClient, message: Message, original: str | None) -> str:
    content = draft(message)
    if original is None:
        return await _created(client, Call(method="POST", path=f"{client.mailbox}/messages", body=content))
    headers = content.pop("internetMessageHeaders", None)  # these can be given at creation only
    body = {"message": {"internetMessageHeaders": headers}} if headers else {}
    reply = Call(method="POST", path=f"{client.mailbox}/messages/{quote(original, safe='')}/createReply", body=body)
    path = await _created(client, reply)
    try:
        await client.call(Call(method="PATCH", path=path, body=content))
    except BaseException:
        await _remove(client, path)
        raise
    return path


async def _created(client: GraphClient, call: Call) -> str:
    made = (await client.call(call)).json().get("id")
    if not isinstance(made, str):
        raise malformed()
    return f"{client.mailbox}/messages/{quote(made, safe='')}"


async def _attach(client: GraphClient, path: str, file: Attachment) -> None:
    if len(file.content) < _SESSION_FROM:
        await client.call(Call(method="POST", path=f"{path}/attachments", body=attachment(file)))
    else:
        await _upload(client, path, file)


async def _upload(client: GraphClient, path: str, file: Attachment) -> None:
    """Upload a file range by range; the server says where it goes on."""
    item = {"AttachmentItem": upload_item(file)}
    session = Call(method="POST", path=f"{path}/attachments/createUploadSession", body=item)
    url = (await client.call(session)).json().get("uploadUrl")
    content, total, at = memoryview(file.content), len(file.content), 0
    while at < total:
        part = content[at : at + _RANGE]
        headers = {
            "Content-Range": f"bytes {at}-{at + len(part) - 1}/{total}",
            "Content-Type": "application/octet-stream",
        }
        answer = await client.put(str(url), part, headers)
        if answer.status == 404:
            raise Unreachable("The upload took too long.", code="send.upload_expired", remedy="Try again later.")
        if answer.status not in (200, 201, 202):
            raise refusal(answer, client.account)
        at = total if answer.status == 201 else _next(answer.json(), at, at + len(part))


def _next(answer: dict[str, Any], before: int, sent: int) -> int:
    """Return the offset at which the server wants to go on; it must be progress."""
    ranges = answer.get("nextExpectedRanges")
    first = str(ranges[0]).partition("-")[0] if isinstance(ranges, list) and ranges else str(sent)
    if not first.isdigit() or not before < int(first) <= sent:
        raise malformed()
    return int(first)


async def _send(client: GraphClient, path: str, progress: Progress) -> None:
    answer = await client.call(Call(method="POST", path=f"{path}/send"), sending=progress)
    if answer.status != 202:
        raise uncertain(f"Microsoft Graph answered HTTP {answer.status} instead of 202.")


async def _remove(client: GraphClient, path: str) -> None:
    """Remove a draft that will not be sent. If that fails too, it stays in Drafts, where a person sees it."""
    with suppress(MailportError, TimeoutError):
        async with asyncio.timeout(_CLEAN_UP):
            await client.call(Call(method="DELETE", path=path))
