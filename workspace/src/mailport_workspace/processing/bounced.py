"""Reports that a mail was not delivered: stored as such, and linked to that mail and its record (TAB-03, TAB-04, SND-26)."""

from __future__ import annotations

from mailport.policies.bounce import Bounce
from mailport_workspace.intake.verdict import Verdict
from mailport_workspace.processing.case import Case
from mailport_workspace.processing.gates import is_bounce
from mailport_workspace.records.interface import RecordView, RecordWork
from mailport_workspace.tables import ActivityKind, Outcome, StepState

__all__ = ["process_bounce"]


async def process_bounce(work: RecordWork, case: Case) -> Verdict:
    """Link a report with the mail it concerns; it never makes a record."""
    case.note("bounce", is_bounce(case))
    _note_recipients(case)
    mail = case.earlier.bounced
    record = await _record_of(work, case)
    if record is not None:
        await work.attach(record, case.attached(ActivityKind.BOUNCE))
        case.note("record", f"the mail that bounced belongs to {record.type} {record.number}")
    if mail is None:
        case.note("bounce", "the mail that it concerns is not known", state=StepState.SKIPPED, code="bounce.unknown_mail")
    return case.verdict(
        Outcome.BOUNCED, bounced=True, record=record, related_id=mail.journal_id if mail else None, last_error=is_bounce(case)
    )


async def _record_of(work: RecordWork, case: Case) -> RecordView | None:
    mail = case.earlier.bounced
    ref = (mail.record if mail else None) or case.earlier.conversation
    return await work.get(ref.type, ref.id) if ref else None


def _note_recipients(case: Case) -> None:
    bounce = case.finding("bounce", Bounce)
    for one in (bounce.recipients if bounce else ())[:20]:
        case.note("bounce", " ".join(filter(None, (f"{one.address}: {one.cause}", one.status, one.diagnostic))))
