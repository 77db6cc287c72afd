"""The history of a record: what happened to it, and the mail that belongs to it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mailport_workspace.records.interface import AttachedMail, RecordRef
from mailport_workspace.tables import Activity, ActivityKind, JournalEntry, Record, RecordAttachment, new_id

if TYPE_CHECKING:
    from mailport_workspace.store import TenantRows

__all__ = ["bounded_key", "enter_mail", "enter_once", "enter_outgoing", "has_entered", "shown_changes"]

_LONGEST_KEY = 200
_LONGEST_NAME = 200


def bounded_key(key: str) -> str:
    """Return the key, or a digest in place of one that no column holds."""
    return key if len(key) <= _LONGEST_KEY else f"sha256.{hashlib.sha256(key.encode()).hexdigest()}"


async def has_entered(rows: TenantRows, record: Record, key: str) -> bool:
    """Whether the history has the entry that ``key`` makes."""
    return await rows.activity_keyed(record.id, bounded_key(key)) is not None


def enter_once(
    rows: TenantRows,
    record: Record,
    kind: ActivityKind,
    *,
    key: str,
    at: datetime,
    author: str = "",
    text: str = "",
    changes: Mapping[str, Any] | None = None,
    person: str | None = None,
) -> None:
    """Enter something into the history; the caller holds the record and knows that it is not there yet."""
    rows.add_later(
        Activity(
            id=new_id(),  # so that entries which are made together are stored together
            record_id=record.id,
            kind=kind,
            key=bounded_key(key),
            at=at,
            author=author[:320],
            text=text,
            changes=dict(changes or {}),
            person_id=person,
        )
    )


async def enter_mail(rows: TenantRows, record: Record, mail: AttachedMail, *, person: str | None, is_new: bool) -> None:
    """Enter a mail with its files, if it is not there yet; the caller holds the record, or has just made it (``is_new``)."""
    key = f"mail.{mail.journal_id}"
    if not is_new and await has_entered(rows, record, key):
        return
    entry = Activity(
        id=new_id(),
        record_id=record.id,
        kind=mail.kind,
        key=key,
        at=mail.at,
        author=mail.sender[:320],
        text=mail.text,
        changes={"subject": mail.subject},
        journal_id=mail.journal_id,
        person_id=person,
    )
    size = await rows.raw_size(mail.raw_id) if mail.raw_id else 0
    rows.add_later(entry, *_files(record, entry, mail, size))


async def enter_outgoing(rows: TenantRows, record: RecordRef, journal: JournalEntry, text: str) -> None:
    """Enter a mail that is to be sent about a record of ours; what became of it stands in its own history.

    A record elsewhere is told by the events of the mail.
    """
    row = await rows.find_record(record.type, record.id)
    if row is None:
        return
    entry = Activity(
        record_id=row.id,
        kind=ActivityKind.MAIL_OUT,
        key=f"mail.{journal.id}",
        at=journal.created_at,
        author=journal.sender[:320],
        text=_storable(text),
        changes={"subject": journal.subject, "to": list(journal.recipients)},
        journal_id=journal.id,
        person_id=row.person_id,
    )
    await rows.add(entry)


def shown_changes(old: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return what became what, by field."""
    return {name: [old.get(name, ""), value] for name, value in changed.items()}


def _files(record: Record, entry: Activity, mail: AttachedMail, original_size: int) -> Iterator[RecordAttachment]:
    for file in mail.attachments:
        yield RecordAttachment(
            record_id=record.id,
            activity_id=entry.id,
            filename=_storable(file.filename),
            content_type=file.content_type[:200],
            content_id=_storable(file.content_id or "")[:500],
            size=len(file.content),
            content=file.content,
        )
    if mail.raw_id:
        yield RecordAttachment(
            record_id=record.id,
            activity_id=entry.id,
            filename=_original_name(mail.subject),
            content_type="message/rfc822",
            size=original_size,
            raw_id=mail.raw_id,
        )


def _original_name(subject: str) -> str:
    """Return a file name that every system takes."""
    name = re.sub(r"[^\w .-]+", "_", subject).strip(" .")[:_LONGEST_NAME]
    return f"{name or 'message'}.eml"


def _storable(text: str) -> str:
    """Return the text as every database can keep it: without NUL and half characters."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
