"""What a verdict writes: the history of the mail, what waits for a person, and what its mailbox is to do with the message."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from mailport_workspace.intake.content import storable
from mailport_workspace.intake.verdict import Mailbox, Verdict
from mailport_workspace.queries.intake import InHand
from mailport_workspace.store import TenantRows
from mailport_workspace.tables import (
    FinishState,
    Inbox,
    IntakeEntry,
    IntakeState,
    JournalEntry,
    JournalStep,
    MailKind,
    Outcome,
    Quarantined,
)
from mailport_workspace.webhooks.tell import tell

__all__ = ["ActionOf", "write_verdict"]


ActionOf: TypeAlias = Callable[[Inbox | None, Mailbox], str]
"""Says what the mailbox of an inbox, which may be gone, does with a message, as ``mailport.transport.Action`` writes it."""


async def write_verdict(rows: TenantRows, mail: InHand, verdict: Verdict, action_of: ActionOf, at: datetime) -> None:
    """Write a verdict in the caller's transaction, which holds the mail."""
    if verdict.moved_to:
        _move_on(rows, mail, verdict, at)
        return
    waits = _waits_for(verdict, mail.entry)
    _write_history(mail.journal, verdict)
    mail.journal.attempts = mail.entry.attempts
    rows.add_later(*_steps(mail.journal.id, verdict, at))
    _write_quarantine(rows, mail, waits, at)
    _write_entry(mail, verdict, action_of, is_parked=waits is not None, at=at)
    await _tell(rows, mail.journal, waits)


def _move_on(rows: TenantRows, mail: InHand, verdict: Verdict, at: datetime) -> None:
    """Let the mail wait in another queue, with all the attempts of that queue; its mailbox keeps the message as it is."""
    entry = mail.entry
    entry.queue, entry.state, entry.attempts, entry.due_at = verdict.moved_to, IntakeState.QUEUED, 0, at
    entry.lease, entry.leased_at = None, at
    rows.add_later(*_steps(mail.journal.id, verdict, at))


def _write_history(journal: JournalEntry, verdict: Verdict) -> None:
    journal.outcome, journal.last_error = verdict.outcome, storable(verdict.last_error)
    journal.kind = MailKind.BOUNCED if verdict.bounced else journal.kind
    journal.body_text = storable(verdict.body_text)
    journal.conversation_id = verdict.conversation_id or journal.conversation_id
    journal.related_id = verdict.related_id or journal.related_id
    journal.person_id = verdict.person or journal.person_id
    if verdict.record is not None:
        record = verdict.record
        journal.record_type, journal.record_id, journal.record_number = record.type, record.id, record.number


def _steps(journal: str, verdict: Verdict, at: datetime) -> list[JournalStep]:
    return [
        JournalStep(journal_id=journal, at=at, step=note.step[:40], state=note.state, code=note.code, text=storable(note.text))
        for note in verdict.steps
    ]


def _waits_for(verdict: Verdict, entry: IntakeEntry) -> tuple[str, str] | None:
    """Return why a person must decide: what the verdict says; a failure for good always waits for one (REL-04)."""
    if verdict.quarantine is None and verdict.outcome in (Outcome.FAILED, Outcome.QUARANTINED):
        return entry.last_code or "mail.failed", verdict.last_error or entry.last_error
    return verdict.quarantine


def _write_quarantine(rows: TenantRows, mail: InHand, waits: tuple[str, str] | None, at: datetime) -> None:
    row = mail.quarantined
    if waits is None:
        if row is not None and row.released_at is None:
            row.released_at = at
        return
    code, reason = waits[0], storable(waits[1])
    if row is None:
        rows.add_later(Quarantined(journal_id=mail.journal.id, code=code, reason=reason, created_at=at))
    else:
        row.code, row.reason, row.released_at, row.decision = code, reason, None, ""


def _write_entry(mail: InHand, verdict: Verdict, action_of: ActionOf, *, is_parked: bool, at: datetime) -> None:
    entry = mail.entry
    entry.state = IntakeState.PARKED if is_parked else IntakeState.DONE
    entry.lease, entry.leased_at, entry.finished_at = None, None, at
    entry.last_error = storable(verdict.last_error)
    entry.last_code = entry.last_code if verdict.last_error else ""
    if entry.finish is FinishState.DONE and entry.action.startswith("move:"):
        return  # an earlier attempt moved it: the inbox does not see it any more
    entry.action = action_of(mail.inbox, verdict.mailbox)
    entry.finish = FinishState.DONE if entry.action == "leave" else FinishState.PENDING
    entry.finish_attempts = 0


async def _tell(rows: TenantRows, journal: JournalEntry, waits: tuple[str, str] | None) -> None:
    facts = {"journal_id": journal.id, "inbox_id": journal.inbox_id, "message_id": journal.message_id}
    facts |= {"sender": journal.sender, "subject": journal.subject, "outcome": str(journal.outcome)}
    if waits is not None:
        await tell(rows, "mail.quarantined", {**facts, "code": waits[0], "reason": waits[1]})
        return
    record = {"type": journal.record_type, "id": journal.record_id, "number": journal.record_number}
    await tell(rows, "mail.received", {**facts, "record": record if journal.record_id else None})
