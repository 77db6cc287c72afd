"""Mail for a record that is there: put into its history, and where it decides something, its status is changed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from mailport.errors import ConfigurationError
from mailport.policies.automatic import Automatic
from mailport.policies.keywords import KeywordReply, vote
from mailport_workspace.intake.content import storable
from mailport_workspace.intake.verdict import Verdict
from mailport_workspace.processing.case import Case
from mailport_workspace.processing.creating import with_what_fits
from mailport_workspace.processing.person import find_person
from mailport_workspace.records.interface import RecordKind, RecordView, RecordWork
from mailport_workspace.tables import Outcome, StepState
from mailport_workspace.tenants.incoming_rules import Do
from mailport_workspace.tenants.options import FinalState, UpdatesFrom

__all__ = ["continue_record", "decision", "may_change", "wants_new_record"]

TASK, APPROVAL = "task", "approval"
_REJECTED = "rejected"


async def continue_record(work: RecordWork, case: Case, record: RecordView, fields: Mapping[str, str]) -> Verdict:
    """Put a mail into the history of its record; change the ``fields`` that it names, and the status that it decides."""
    await find_person(work, case)
    if record.is_final and case.options.final_state is FinalState.PARK:
        await work.attach(record, case.attached(), person=case.person)
        return case.quarantined("record", "record.ended", f"{record.type} {record.number} has ended", record=record)
    kind = (await work.kinds())[record.type]
    await work.attach(record, case.attached(), person=case.person)
    changed = await _change(work, case, record, kind, fields)
    case.note("record", f"attached to {record.type} {record.number}")
    return case.verdict(Outcome.UPDATED if changed else Outcome.ATTACHED, record=record)


def wants_new_record(case: Case, record: RecordView) -> bool:
    """Whether a mail for this record opens another one: it has ended, and the tenant wants it so (MAT-10)."""
    return record.is_final and case.options.final_state is FinalState.NEW_RECORD and not case.finding("automatic", Automatic)


async def _change(work: RecordWork, case: Case, record: RecordView, kind: RecordKind, fields: Mapping[str, str]) -> bool:
    if record.is_final or case.action.do is Do.ATTACH or case.finding("automatic", Automatic):
        case.note("record", "changes nothing", state=StepState.SKIPPED, code=_why_nothing(case, record))
        return False
    state, reason = decision(case, record, kind)
    if not (state or fields):
        return False
    if not may_change(case, record, kind) and not _is_vote(record):
        case.note("record", "the sender may not change it", state=StepState.SKIPPED, code="record.sender")
        return False
    return await _update(work, case, record, fields, state=state, reason=reason)


def _why_nothing(case: Case, record: RecordView) -> str:
    if record.is_final:
        return "record.ended"
    return "rule.attach" if case.action.do is Do.ATTACH else "record.automatic"


def _is_vote(record: RecordView) -> bool:
    """Whose vote counts was asked already, and more strictly."""
    return record.type == APPROVAL


async def _update(
    work: RecordWork, case: Case, record: RecordView, fields: Mapping[str, str], *, state: str, reason: str
) -> bool:
    key, author = f"{case.key}.update", case.sender_mailbox
    change = partial(work.update, record, key=key, state=state, reason=reason, author=author)
    after = await with_what_fits(case, fields, change)
    if isinstance(after, ConfigurationError):
        case.note("record", f"not changed: {after}", state=StepState.SKIPPED, code=after.code)
        return False
    return (after.state, after.fields) != (record.state, record.fields)


def decision(case: Case, record: RecordView, kind: RecordKind) -> tuple[str, str]:
    """Return the status that a reply decides and its reason, or nothing: TAB-06 to TAB-11."""
    reply = case.finding("keyword", KeywordReply)
    if reply is None:
        return "", ""
    if record.type == APPROVAL:
        state = _vote(case, reply, str(record.fields.get(kind.approver_field) or ""))
    else:
        state = reply.status if record.type == TASK else ""
    if state:
        case.note("keyword", f"“{reply.keyword}” means {state}")
    return state, storable(reply.comment) if state == _REJECTED else ""


def _vote(case: Case, reply: KeywordReply, approver: str) -> str:
    given = vote(reply, case.message, approver) if approver else ""
    if reply.approval and not given:
        said = "the sender is not the approver"
        case.note("keyword", f"“{reply.keyword}” does not count: {said}", state=StepState.SKIPPED, code="keyword.approver")
    return given


def may_change(case: Case, record: RecordView, kind: RecordKind) -> bool:
    """Whether mail of this sender may change the record (MAT-12)."""
    if case.options.updates_from is UpdatesFrom.ANYBODY or (record.person and record.person == case.person):
        return True
    waits_for = {str(record.fields.get(name) or "").lower() for name in (kind.assignee_field, kind.approver_field) if name}
    return case.sender_mailbox in (case.users | case.earlier.correspondents.get(record.id, frozenset()) | waits_for) - {""}
