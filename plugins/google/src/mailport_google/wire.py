"""Gmail's answers as receipts, facts and bytes. Pure."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from mailport.message import Message
from mailport.receipt import Receipt, RecipientResult, Status

__all__ = [
    "find_raw",
    "flags",
    "header_ids",
    "raw_chunks",
    "raw_size",
    "receipt",
    "received_at",
]

_FLAGS = {"STARRED": "\\Flagged", "DRAFT": "\\Draft"}
_RAW = re.compile(rb'"raw"\s*:\s*"([A-Za-z0-9_-]*)(?:=|\\u003d)*"')  # Google escapes some signs in JSON
_STEP = 4 * 64 * 1024
"""Characters of base64 that are decoded at once."""


def receipt(message: Message, key: str, stored_id: str | None) -> Receipt:
    """Return the receipt of a message that Gmail took as ``key``; ``stored_id`` is the Message-ID it keeps, if known."""
    replaced = stored_id is not None and stored_id != message.message_id
    return Receipt(
        message_id=stored_id or message.message_id,
        recipients=tuple(
            RecipientResult(address=address, status=Status.ACCEPTED, reply_code=200) for address in message.recipients
        ),
        provider_id=key,
        notes=(f"Gmail replaced the Message-ID {message.message_id} by {stored_id}.",) if replaced else (),
    )


def header_ids(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of a message in format ``metadata``, by name in lower case."""
    headers = (answer.get("payload") or {}).get("headers") or ()
    return {str(header.get("name", "")).lower(): str(header.get("value", "")).strip() for header in headers}


def received_at(answer: Mapping[str, Any]) -> datetime | None:
    """Return when Gmail took a message; it counts milliseconds."""
    date = str(answer.get("internalDate", ""))
    return datetime.fromtimestamp(int(date) / 1000, UTC) if date.isdigit() else None


def flags(answer: Mapping[str, Any]) -> frozenset[str]:
    """Return a message's labels as far as IMAP has a word for them; none where they are not known."""
    labels = answer.get("labelIds")
    if labels is None:
        return frozenset()
    seen = {"\\Seen"} if "UNREAD" not in labels else set()
    return frozenset(seen | {word for label, word in _FLAGS.items() if label in labels})


def raw_size(answer: Mapping[str, Any]) -> int | None:
    """Return the size of a message as Gmail estimates it."""
    size = answer.get("sizeEstimate")
    return size if isinstance(size, int) else None


def find_raw(answer: bytes) -> memoryview | None:
    """Return the base64 of a message within an answer in format ``raw``, without padding; None where it is not whole.

    The JSON is not parsed: of 50 MB it would make three more copies.
    """
    found = _RAW.search(answer)
    is_whole = found is not None and answer.rstrip().endswith(b"}")
    return memoryview(answer)[slice(*found.span(1))] if found and is_whole else None


def raw_chunks(raw: memoryview) -> Iterator[bytes]:
    """Yield the bytes of a message from its base64url. Raises ``ValueError``."""
    for at in range(0, len(raw), _STEP):
        piece = bytes(raw[at : at + _STEP])
        yield urlsafe_b64decode(piece + b"=" * (-len(piece) % 4))
