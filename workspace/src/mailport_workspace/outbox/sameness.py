"""Whether two mails are the same for those who sent and will read them, whenever each was written."""

from __future__ import annotations

from typing import Any

from mailport import Message

__all__ = ["is_same_mail"]

_WRITTEN_ANEW = ("content-", "thread-index")  # the latter holds the time of the reply


def is_same_mail(one: bytes, other: bytes) -> bool:
    """Compare what was written and to whom. Composed twice, it differs in date, ids and boundaries only."""
    return one == other or _substance(Message.read(one)) == _substance(Message.read(other))


def _substance(message: Message) -> tuple[Any, ...]:
    people = (message.sender, message.to, message.cc, message.bcc, message.reply_to)
    written = [header for header in message.headers if not header[0].lower().startswith(_WRITTEN_ANEW)]
    thread = (message.subject, message.in_reply_to, message.references, written)
    files = [(file.filename, file.content_type, file.content_id, file.content) for file in message.attachments]
    return (people, thread, message.text, message.html, files)
