"""An answer to what came for a record: below the mail that it answers, to whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mailport import Account, Attachment, Message
from mailport.address import Address
from mailport.envelope import addressed
from mailport.errors import ConfigurationError
from mailport.replying import reply
from mailport_workspace.store import TenantRows
from mailport_workspace.tables import Record

__all__ = ["Original", "answer_to", "read_original"]


@dataclass(frozen=True, slots=True)
class Original:
    """A mail that is answered; without ``has_id`` nobody knows its Message-ID, or none came at all."""

    message: Message
    has_id: bool


async def read_original(rows: TenantRows, record: Record) -> Original:
    """Return what an answer answers: the latest mail of the record, or what is known where it is purged or none came."""
    mail = await rows.latest_mail_of_record(record.type, record.id)
    content = await rows.raw_content(mail.raw_id) if mail is not None and mail.raw_id else None
    if content is not None:
        message = Message.read(content)
        return Original(message, bool(message.message_id))
    writer = mail.sender if mail is not None else ""
    if not writer and record.person_id:
        writer = (await rows.person(record.person_id)).email
    sender = Address.parse(writer) if writer else None
    message_id = mail.message_id if mail is not None else ""
    return Original(Message(sender=sender, subject=record.title, message_id=message_id), bool(message_id))


def answer_to(
    original: Original,
    account: Account,
    *,
    text: str,
    html: str,
    to: Iterable[str],
    cc: Iterable[str],
    attachments: Iterable[Attachment],
) -> Message:
    """Return the answer. Raises ``ConfigurationError`` where nobody is known to write to."""
    named: dict[str, Any] = {"to": tuple(map(Address.parse, to)), "cc": tuple(map(Address.parse, cc))}
    more: dict[str, Any] = {name: addresses for name, addresses in named.items() if addresses}
    if not original.has_id:
        more |= {"in_reply_to": "", "references": ()}
    message = reply(original.message, sender=_own(account), text=text, html=html, attachments=attachments, **more)
    if not message.recipients:
        raise ConfigurationError(
            "Nobody is known to write to.", code="message.no_recipient", field="to", remedy="Name a recipient."
        )
    return message


def _own(account: Account) -> Address:
    """Return whom the tenant's mail comes from, as the account would decide for a mail without a sender."""
    sender = addressed(Message(), account).sender
    assert sender is not None  # noqa: S101 - that is what it is for
    return sender
