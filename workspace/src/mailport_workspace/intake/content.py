"""What the journal says of a received mail, taken from its bytes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from mailport import Message
from mailport_workspace.tables.base import INDEXED_LENGTH

__all__ = ["ReadMail", "content_hash", "facts_of", "storable"]

_BODY = re.compile(rb"\r?\n\r?\n")
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ReadMail:
    """A mail that was read: its bytes, what they say, and the digest by which copies are known."""

    raw: bytes
    message: Message
    content_hash: str

    @classmethod
    def of(cls, raw: bytes) -> ReadMail:
        """Return the mail with these bytes."""
        message = Message.read(raw)
        return cls(raw, message, content_hash(message, raw))

    @property
    def columns(self) -> dict[str, Any]:
        """What the journal says of it."""
        return {**facts_of(self.message), "size": len(self.raw), "content_hash": self.content_hash}


def facts_of(message: Message) -> dict[str, Any]:
    """Return the columns of the journal that the headers fill, in a form that every database can keep."""
    return {
        "message_id": storable(message.message_id)[:INDEXED_LENGTH],
        "sender": storable(message.sender.mailbox) if message.sender else "",
        "recipients": [storable(address.mailbox) for address in (*message.to, *message.cc)],
        "subject": storable(message.subject),
    }


def storable(text: str) -> str:
    """Return the text without NUL and half characters, which no database keeps."""
    return _HALF.sub("\N{REPLACEMENT CHARACTER}", text.replace("\0", ""))


def content_hash(message: Message, raw: bytes) -> str:
    """Return a digest that is equal for two copies of one mail: Message-ID, size of the body, and its bytes.

    The headers differ with the way that a copy took. A mail without Message-ID is its bytes as a whole.
    """
    body = _BODY.search(raw)
    counted = raw[body.end() :] if body and message.message_id else raw
    counted = counted.replace(b"\r\n", b"\n").rstrip(b"\n")
    head = f"{message.message_id}\n{len(counted)}\n".encode("utf-8", "replace")
    return hashlib.sha256(head + counted).hexdigest()
