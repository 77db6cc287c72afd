"""What the journal knows of the mails before this one, read in one transaction before records are touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailport.policies.bounce import Bounce
from mailport.policies.complaints import Complaint
from mailport_workspace.intake.content import storable
from mailport_workspace.processing.case import Bounced, Case, Earlier
from mailport_workspace.processing.match import answered_ids, conversation_spellings, number_tokens
from mailport_workspace.records.interface import RecordRef
from mailport_workspace.tables import JournalEntry, MailDirection, Outcome

if TYPE_CHECKING:
    from mailport_workspace.store import TenantRows

__all__ = ["read_correspondents", "read_earlier"]

_NOT_DEALT_WITH = frozenset({Outcome.FAILED, Outcome.DELETED, Outcome.TOO_LARGE})


async def read_earlier(rows: TenantRows, case: Case) -> Earlier:
    """Return what the journal knows about this mail's copies, conversation, ancestors and numbers."""
    entry = case.entry
    twins = await rows.twins(entry) if entry.message_id else ()
    conversation = case.findings.get("conversation")
    return Earlier(
        conversation=await _of_conversation(rows, conversation_spellings(conversation)),
        answered=await _of_answered(rows, answered_ids(conversation)),
        outside=await _of_outside_number(rows, case.message.subject),
        bounced=await _bounced(rows, case),
        twin=_copied(entry, twins),
        is_reused=any(twin.content_hash != entry.content_hash for twin in twins),
    )


async def read_correspondents(rows: TenantRows, record: RecordRef) -> frozenset[str]:
    """Return the addresses that wrote, or got, mail of a record: they take part in it (MAT-12)."""
    mails = await rows.mails_of_record(record.type, record.id)
    wrote = {mail.sender for mail in mails if mail.direction is MailDirection.INCOMING}
    got = {address for mail in mails if mail.direction is MailDirection.OUTGOING for address in mail.recipients}
    return frozenset(address.lower() for address in wrote | got)


def _copied(entry: JournalEntry, twins: Sequence[JournalEntry]) -> RecordRef | None:
    """Return the record that another copy of this very mail made or joined: same Message-ID and same content."""
    for twin in twins:
        is_copy = bool(entry.content_hash) and twin.content_hash == entry.content_hash
        if is_copy and twin.outcome not in _NOT_DEALT_WITH and twin.id < entry.id and (record := _record_of(twin)):
            return record
    return None


async def _of_conversation(rows: TenantRows, spellings: Sequence[str]) -> RecordRef | None:
    found = await rows.mail_of_conversation(spellings) if spellings else None
    return _record_of(found) if found else None


async def _of_answered(rows: TenantRows, message_ids: Sequence[str]) -> RecordRef | None:
    """Return the record of the nearest mail that has one."""
    found = await rows.mails_with_ids(message_ids) if message_ids else ()
    for message_id in message_ids:
        for mail in found:
            if mail.message_id == message_id and (record := _record_of(mail)):
                return record
    return None


async def _of_outside_number(rows: TenantRows, subject: str) -> RecordRef | None:
    tokens = number_tokens(subject)
    found = {row.number.lower(): row for row in await rows.outside_numbers_in(tokens)} if tokens else {}
    row = next((found[token] for token in tokens if token in found), None)
    return RecordRef(type=row.record_type, id=row.record_id, number=row.number) if row else None


async def _bounced(rows: TenantRows, case: Case) -> Bounced | None:
    """Return the mail of ours that a report concerns: named in it, or answered by it (TAB-04)."""
    report = case.finding("bounce", Bounce) or case.finding("complaint", Complaint)
    named = (storable(report.original_message_id),) if report and report.original_message_id else ()
    message_ids = (*named, *answered_ids(case.findings.get("conversation")))
    found = await rows.mails_with_ids(message_ids) if message_ids else ()
    sent = {mail.message_id: mail for mail in reversed(found) if mail.direction is MailDirection.OUTGOING}
    mail = next((sent[message_id] for message_id in message_ids if message_id in sent), None)
    return Bounced(journal_id=mail.id, record=_record_of(mail)) if mail else None


def _record_of(mail: JournalEntry) -> RecordRef | None:
    if mail.record_id is None:
        return None
    return RecordRef(type=mail.record_type, id=mail.record_id, number=mail.record_number)
