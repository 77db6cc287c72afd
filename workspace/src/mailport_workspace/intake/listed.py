"""What is written about a message that a mailbox listed: its bytes, or why they are not there. Each within one transaction."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from mailport.errors import MailportError
from mailport.transport import Cursor, Delivery
from mailport_workspace.intake.content import ReadMail
from mailport_workspace.intake.lease import LEASE_SECONDS
from mailport_workspace.intake.plan import Plan
from mailport_workspace.store import TenantRows
from mailport_workspace.tables import (
    FinishState,
    InboxCursor,
    IntakeEntry,
    IntakeState,
    JournalEntry,
    MailDirection,
    Outcome,
    Quarantined,
    RawMessage,
    StepState,
    new_id,
)
from mailport_workspace.webhooks.tell import tell

__all__ = ["READ_ATTEMPTS", "Listed", "is_copy", "keep", "keep_cursor", "note_gone", "note_too_large", "note_unreadable"]

READ_ATTEMPTS = 5
"""How often a message is read that the mailbox lists and does not give."""
_DONE_BY_OTHERS = timedelta(seconds=LEASE_SECONDS)
"""Who stores a mail processes it at once; after this time it is due for everybody."""


class Listed:
    """A message of a mailbox, and its two rows: those that are there, or new ones."""

    def __init__(self, journal: JournalEntry, entry: IntakeEntry, *, is_new: bool) -> None:
        self.journal = journal
        self.entry = entry
        self._is_new = is_new

    @classmethod
    async def find(
        cls, rows: TenantRows, plan: Plan, delivery: Delivery, journal: str, *, is_new: bool, at: datetime
    ) -> Listed:
        """Return the rows of ``journal``, made unless they are there."""
        if not is_new:
            entry = await rows.intake_entry(journal, for_update=True)
            return cls(await rows.journal_entry(journal), entry, is_new=False)
        return cls(_new_journal(plan, delivery, journal, at), _new_entry(plan, journal, at), is_new=True)

    async def save(self, rows: TenantRows) -> None:
        """Insert the rows if they are new."""
        if self._is_new:
            await rows.add(self.journal)
            await rows.add(self.entry)
            self._is_new = False

    def park(self, at: datetime, outcome: Outcome, code: str, said: str) -> None:
        """Leave the message where it is until a person decides."""
        self.journal.outcome, self.journal.last_error = outcome, said
        self.entry.state, self.entry.finish = IntakeState.PARKED, FinishState.DONE
        self.entry.last_code, self.entry.last_error, self.entry.finished_at = code, said, at


async def keep(rows: TenantRows, listed: Listed, mail: ReadMail, at: datetime) -> None:
    """Store the bytes, and put the mail into the queue."""
    size, digest = len(mail.raw), hashlib.sha256(mail.raw).hexdigest()
    stored = RawMessage(id=new_id(), content=mail.raw, size=size, sha256=digest, created_at=at)
    await rows.add(stored)
    _describe(listed.journal, mail)
    listed.journal.raw_id, listed.journal.outcome, listed.journal.last_error = stored.id, Outcome.RECEIVED, ""
    entry = listed.entry
    entry.state, entry.finish, entry.attempts = IntakeState.QUEUED, FinishState.WAITING, 0
    entry.leased_at, entry.due_at, entry.last_code, entry.last_error = at, at + _DONE_BY_OTHERS, "", ""
    await listed.save(rows)
    await rows.note(listed.journal.id, "stored", f"{size} bytes from inbox “{listed.journal.inbox_name}”.")


async def is_copy(rows: TenantRows, listed: Listed, mail: ReadMail, action: str) -> bool:
    """Whether the tenant has the same mail already; then nothing is made of this copy but its history (INB-23)."""
    first = await rows.copy_of(mail.content_hash)
    if first is None or first.id == listed.journal.id:
        return False
    _describe(listed.journal, mail)
    journal, entry = listed.journal, listed.entry
    journal.outcome, journal.related_id = Outcome.DUPLICATE, first.id
    journal.record_type, journal.record_id, journal.record_number = first.record_type, first.record_id, first.record_number
    entry.state, entry.action, entry.finished_at = IntakeState.DONE, action, journal.created_at
    entry.finish = FinishState.DONE if action == "leave" else FinishState.PENDING
    await listed.save(rows)
    await rows.note(journal.id, "duplicate", f"The same mail was received before ({first.id}).", state=StepState.SKIPPED)
    return True


async def note_too_large(rows: TenantRows, listed: Listed, plan: Plan, size: int | None, at: datetime) -> None:
    """List a message that stays in its mailbox because it is larger than the tenant takes."""
    said = f"The message has {size} bytes" if size is not None else "The message has more bytes than that"
    said = f"{said}; the largest message that is read has {plan.max_size}. It stays in the mailbox."
    listed.journal.size = size or 0
    listed.park(at, Outcome.TOO_LARGE, "read.too_large", said)
    await _show(rows, listed, at)


async def note_unreadable(rows: TenantRows, listed: Listed, error: MailportError, at: datetime) -> bool:
    """Count a failure to read a message; after the last attempt a person decides. Say whether it is tried again."""
    listed.entry.attempts = (listed.entry.attempts or 0) + 1
    listed.journal.attempts = listed.entry.attempts
    if listed.entry.attempts >= READ_ATTEMPTS:
        listed.park(at, Outcome.QUARANTINED, error.code, f"The message could not be read: {error.message}")
        await _show(rows, listed, at)
        return False
    listed.entry.state, listed.entry.last_code, listed.entry.last_error = IntakeState.UNREAD, error.code, error.message
    listed.journal.last_error = error.message
    await listed.save(rows)
    await rows.note(listed.journal.id, "read", error.message, state=StepState.FAILED, code=error.code)
    return True


async def note_gone(rows: TenantRows, journal: str, at: datetime) -> None:
    """End the history of a message that left the mailbox before it could be read."""
    row, entry = await rows.journal_entry(journal), await rows.intake_entry(journal, for_update=True)
    row.outcome, entry.state, entry.finish, entry.finished_at = Outcome.DELETED, IntakeState.DONE, FinishState.DONE, at
    await rows.note(journal, "read", "Somebody took the message out of the mailbox.", state=StepState.SKIPPED, code="read.gone")


async def keep_cursor(rows: TenantRows, inbox: str, cursor: Cursor, at: datetime) -> None:
    """Store where the next poll goes on."""
    row = await rows.cursor(inbox)
    if row is None:
        await rows.add(InboxCursor(inbox_id=inbox, cursor={"cursor": cursor}, updated_at=at))
    else:
        row.cursor, row.updated_at = {"cursor": cursor}, at


async def _show(rows: TenantRows, listed: Listed, at: datetime) -> None:
    """Put the message among those that wait for a person."""
    await listed.save(rows)
    journal, code, said = listed.journal, listed.entry.last_code, listed.entry.last_error
    await rows.note(journal.id, "read", said, state=StepState.FAILED, code=code)
    row = await rows.quarantine_of(journal.id)
    if row is None:
        await rows.add(Quarantined(journal_id=journal.id, code=code, reason=said, created_at=at))
    else:
        row.code, row.reason, row.released_at, row.decision = code, said, None, ""
    await tell(rows, "mail.quarantined", {"journal_id": journal.id, "inbox_id": journal.inbox_id, "code": code, "reason": said})


def _describe(journal: JournalEntry, mail: ReadMail) -> None:
    for name, value in mail.columns.items():
        setattr(journal, name, value)


def _new_journal(plan: Plan, delivery: Delivery, journal: str, at: datetime) -> JournalEntry:
    return JournalEntry(
        id=journal,
        direction=MailDirection.INCOMING,
        inbox_id=plan.inbox,
        inbox_name=plan.name,
        delivery_key=delivery.key,
        outcome=Outcome.RECEIVED,
        created_at=at,
    )


def _new_entry(plan: Plan, journal: str, at: datetime) -> IntakeEntry:
    return IntakeEntry(id=new_id(), journal_id=journal, inbox_id=plan.inbox, created_at=at, due_at=at)
