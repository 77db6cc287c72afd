"""A message as Microsoft Graph wants it, and Graph's answers as mailport wants them: pure functions."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from mailport.address import Address
from mailport.content import Attachment
from mailport.envelope import chunks_with_bcc, hidden
from mailport.message import Message
from mailport_graph.translate import malformed

__all__ = [
    "MIME_LIMIT",
    "attachment",
    "base64_text",
    "carried_headers",
    "draft",
    "items_of",
    "local_link",
    "mime",
    "mime_of",
    "pieces",
    "quoted",
    "received_at",
    "upload_item",
]

MIME_LIMIT = 2_200_000
"""Bytes of MIME that one request carries: above about 2,240 KB the service answers 200 and sends nothing, although 4 MB of
base64 are documented (https://github.com/microsoftgraph/microsoft-graph-docs/issues/13979)."""

_HEADERS = 5  # custom headers of a draft, all beginning with x- (ErrorInvalidInternetMessageHeaderCollection)
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*")


def mime(message: Message) -> bytes | None:
    """Return the message as MIME with its Bcc, which Exchange takes off; None where it is larger than ``MIME_LIMIT``."""
    made = bytearray()
    for chunk in chunks_with_bcc(message):
        made += chunk
        if len(made) > MIME_LIMIT:
            return None
    return bytes(made)


def base64_text(raw: bytes) -> str:
    """Return bytes as base64 without line breaks: Exchange takes no others."""
    return base64.b64encode(raw).decode()


def draft(message: Message) -> dict[str, Any]:
    """Return the message as a ``message`` resource without its attachments. Exchange makes the text beside HTML itself."""
    made: dict[str, Any] = {
        "subject": message.subject,
        "body": {"contentType": "html" if message.html else "text", "content": message.html or message.text},
        "toRecipients": [_recipient(address) for address in message.to],
        "ccRecipients": [_recipient(address) for address in message.cc],
        "bccRecipients": [_recipient(Address(mailbox)) for mailbox in hidden(message)],
        "replyTo": [_recipient(address) for address in message.reply_to],
        "internetMessageId": message.message_id,
    }
    if message.sender is not None:
        made["from"] = _recipient(message.sender)
    headers, _ = carried_headers(message)
    if headers:
        made["internetMessageHeaders"] = [{"name": name, "value": value} for name, value in headers]
    return made


def _recipient(address: Address) -> dict[str, Any]:
    named = {"name": address.display_name} if address.display_name else {}
    return {"emailAddress": {"address": address.ascii_mailbox, **named}}


def carried_headers(message: Message) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the further headers that a draft carries, and the names of those that it cannot.

    ``Auto-Submitted`` becomes Exchange's own word for it: Graph drops the former on every path.
    """
    given = [(name, value) for name, value in message.headers if name.lower() != "auto-submitted"]
    is_automatic = message.header("auto-submitted").lower() not in ("", "no")
    if is_automatic and not message.header("x-auto-response-suppress"):
        given.insert(0, ("X-Auto-Response-Suppress", "All"))
    good = [(name, value) for name, value in given if name.lower().startswith("x-")]
    kept = good[:_HEADERS]
    return kept, [name for name, value in given if (name, value) not in kept]


def attachment(file: Attachment) -> dict[str, Any]:
    """Return a file as a ``fileAttachment`` with its bytes."""
    content_id = {"contentId": file.content_id} if file.content_id else {}
    return {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": file.filename or "attachment",
        "contentType": file.content_type,
        "isInline": file.inline,
        "contentBytes": base64.b64encode(file.content).decode(),
        **content_id,
    }


def upload_item(file: Attachment) -> dict[str, Any]:
    """Return what an upload session is told about a file."""
    content_id = {"contentId": file.content_id} if file.content_id else {}
    return {
        "attachmentType": "file",
        "name": file.filename or "attachment",
        "size": len(file.content),
        "contentType": file.content_type,
        "isInline": file.inline,
        **content_id,
    }


def quoted(text: str) -> str:
    """Return a text as a literal of an OData filter."""
    return "'" + text.replace("'", "''") + "'"


def local_link(link: object, service: str) -> str:
    """Return path and query of a link below the service root.

    Raises ``Unreachable`` for a link to another host: following it would show it our token.
    """
    here = urlsplit(service)
    try:
        there = urlsplit(str(link))
        same = (there.scheme, there.hostname, there.port or 443) == (here.scheme, here.hostname, here.port or 443)
    except ValueError as error:
        raise malformed() from error
    root, _, rest = there.path.removeprefix("/").partition("/")
    if not same or root != "v1.0":
        raise malformed()
    return f"/{rest}?{there.query}"


def mime_of(body: str) -> bytes | None:
    """Return the MIME that a batch answered: as base64, or as text; None where the text no longer has every byte."""
    if _BASE64.fullmatch(body):
        try:
            return base64.b64decode(body, validate=False)
        except binascii.Error:
            return None
    return body.encode() if body.isascii() else None


def received_at(item: Mapping[str, Any]) -> datetime | None:
    """Return when a listed message came, or None."""
    try:
        read = datetime.fromisoformat(str(item.get("receivedDateTime")))
    except ValueError:
        return None
    return read if read.tzinfo else None


def items_of(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the resources of a collection that have an id. Raises ``Unreachable`` where it is no collection."""
    found = page.get("value")
    if not isinstance(found, list):
        raise malformed()
    return [item for item in found if isinstance(item, dict) and isinstance(item.get("id"), str)]


def pieces(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Yield ``items`` in runs of at most ``size``."""
    return (items[at : at + size] for at in range(0, len(items), size))
