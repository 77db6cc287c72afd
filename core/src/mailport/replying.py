"""A reply that every mail program shows below the mail it answers (RFC 5322 section 3.6.4, Thread-Index of Exchange)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from secrets import randbelow
from typing import Any

from mailport.address import Address
from mailport.content import Attachment
from mailport.message import Message
from mailport.policies.subject_words import base_subject

__all__ = ["reply"]

_MOST = 20  # ids in References: below what any server's limit for one header is
_LONGEST_ID = 900


def reply(
    message: Message,
    *,
    sender: str | Address,
    text: str = "",
    html: str = "",
    attachments: Iterable[Attachment] = (),
    to_all: bool = False,
    **more: Any,
) -> Message:
    """Compose an answer to ``message``: to its Reply-To or From, with ``to_all`` also to the others but ``sender``.

    The subject is that of the message after one "Re: ". ``more`` are further attributes of ``Message``.
    """
    own = sender if isinstance(sender, Address) else Address.parse(sender)
    to = message.reply_to or ((message.sender,) if message.sender else ())
    usual: dict[str, Any] = {
        "to": to,
        "cc": _others(message, (own, *to)) if to_all else (),
        "subject": f"Re: {base_subject(message.subject)}".strip(),
        "in_reply_to": message.message_id if _is_id(message.message_id) else "",
        "references": _references(message),
    }
    headers = (*_exchange_headers(message), *more.pop("headers", ()))
    return Message.compose(sender=own, text=text, html=html, attachments=attachments, headers=headers, **(usual | more))


def _others(message: Message, known: tuple[Address, ...]) -> tuple[Address, ...]:
    seen = {address.mailbox.lower() for address in known}
    return tuple(address for address in (*message.to, *message.cc) if address.mailbox.lower() not in seen)


def _references(message: Message) -> tuple[str, ...]:
    """Return what the message refers to and its own id; above twenty the first and the last ones, which clients look at."""
    earlier = message.references or ((message.in_reply_to,) if message.in_reply_to else ())
    ids = tuple(dict.fromkeys(one for one in (*earlier, message.message_id) if _is_id(one)))
    return ids if len(ids) <= _MOST else (ids[0], *ids[1 - _MOST :])


def _is_id(text: str) -> bool:
    """Whether a header can hold the id as it is."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text and len(text) <= _LONGEST_ID


def _exchange_headers(message: Message) -> tuple[tuple[str, str], ...]:
    """Return Thread-Index and Thread-Topic where the message has them: Outlook threads by these alone."""
    index = _thread_index(message.header("Thread-Index"), datetime.now(UTC))
    topic = base_subject(message.header("Thread-Topic") or message.subject)
    return (("Thread-Topic", topic), ("Thread-Index", index)) if index else ()


_HEADER, _CHILD = 22, 5  # octets: 6 of the time at which the conversation began, a GUID; and what each reply appends
_LONGEST_INDEX = 1000
_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def _thread_index(parent: str, now: datetime) -> str:
    """Return the parent's index and a block of this reply ([MS-OXOMSG] section 2.2.1.3), or an empty string."""
    with suppress(ValueError):
        index = b64decode(parent, validate=True)
        if _HEADER <= len(index) <= _LONGEST_INDEX and (len(index) - _HEADER) % _CHILD == 0:
            return b64encode(index + _child_block(index, now)).decode()
    return ""


def _child_block(index: bytes, now: datetime) -> bytes:
    """Return the time since the conversation began, in units of 26 ms or beyond two years of 0.8 s, and a random nibble."""
    ticks = int((now - _FILETIME_EPOCH).total_seconds() * 10**7)
    since = max(0, ticks - _begun(index))
    coarse = since >> 49 > 0
    delta = (since >> (23 if coarse else 18)) & 0x7FFFFFFF
    return ((coarse << 31 | delta) << 8 | randbelow(16) << 4).to_bytes(5)


def _begun(index: bytes) -> int:
    """Return when the conversation began: 48 bits of the time, which begin with a 1 anyway, or, newer, a 1 and 40 bits."""
    return int.from_bytes(index[1:6]) << 24 if index[1] == 1 else int.from_bytes(index[:6]) << 16
