"""Reports about a mail: `multipart/report` with a part for machines and the mail concerned (RFC 6522)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mailport.content import Attachment
from mailport.message import Message
from mailport.reading import split_headers

__all__ = ["Report", "mails_concerned", "message_id_in", "read_report"]

_READ = 1_000_000
"""Bytes of a part that are read: a report about a thousand recipients stays below."""
_MAIL_CONCERNED = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers"}
)
_FIELD = re.compile(r"^([!-9;-~]+)[ \t]*:[ \t]*(.*)$", re.MULTILINE)
_FOLDING = re.compile(r"\r?\n[ \t]+")
_ID = re.compile(r"^[ \t]*(?:X-)?(?:Original-)?Message-ID:\s*(<[^<>\s]{1,996}>)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Report:
    """The blocks of fields of a report, names in lower case, and the Message-ID of the mail that it is about."""

    blocks: tuple[Mapping[str, str], ...]
    original_message_id: str


def read_report(message: Message, *content_types: str) -> Report | None:
    """Return the report whose machine part has one of ``content_types``, or None."""
    parts = [part for part in message.attachments if part.content_type.lower() in content_types]
    if not parts:
        return None
    blocks = tuple(block for part in parts for block in _blocks(_text(part)))
    return Report(blocks, _original_message_id(message, blocks))


def _blocks(text: str) -> Iterator[Mapping[str, str]]:
    for piece in re.split(r"\r?\n[ \t]*\r?\n", text):
        fields = {name.lower(): value.strip() for name, value in _FIELD.findall(_FOLDING.sub(" ", piece))}
        if fields:
            yield fields


def _text(part: Attachment) -> str:
    return part.content[:_READ].decode("utf-8", "replace")  # RFC 6533 reports are UTF-8, all others ASCII


def _original_message_id(message: Message, blocks: Iterable[Mapping[str, str]]) -> str:
    """Ask the mail concerned; where it was left out a field of the report, or the thread."""
    for head in mails_concerned(message):
        if found := message_id_in(head):
            return found
    for block in blocks:
        if field := block.get("x-original-message-id") or block.get("original-message-id"):  # Gmail; RFC 8098
            return field
    return message.in_reply_to or next(reversed(message.references), "")


def mails_concerned(message: Message) -> Iterator[str]:
    """Yield the header block of each attached mail."""
    for part in message.attachments:
        if part.content_type.lower() in _MAIL_CONCERNED:
            yield split_headers(part.content[:_READ])[0].decode("utf-8", "replace")


def message_id_in(text: str) -> str:
    """Return the first Message-ID of header lines in ``text``, or an empty string."""
    found = _ID.search(_FOLDING.sub(" ", text[:_READ]))
    return found.group(1) if found else ""
