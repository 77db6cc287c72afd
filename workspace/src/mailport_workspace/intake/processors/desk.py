"""Incidents and problems: a mail continues the record that it concerns, or opens one (INB-08, MAT-01, MAT-07, MAT-08)."""

from __future__ import annotations

from mailport.policies.templates import BodyRecords
from mailport_workspace.intake.case import Case
from mailport_workspace.intake.continuing import continue_record, wants_new_record
from mailport_workspace.intake.creating import open_record
from mailport_workspace.intake.fieldlines import known_fields
from mailport_workspace.intake.match import find_record, own_type
from mailport_workspace.intake.unmatched import kept_from_opening
from mailport_workspace.intake.verdict import Verdict
from mailport_workspace.records.interface import RecordView, RecordWork

__all__ = ["process"]

_SERVICE_REQUEST = "service_request"
_NUMBER = "number"


async def process(work: RecordWork, case: Case) -> Verdict:
    """Continue or open a record."""
    record = await _service_request_in_body(work, case) or await find_record(work, case)
    if record is not None and not wants_new_record(case, record):
        return await continue_record(work, case, record, await _fields_for(work, case, record))
    kept = kept_from_opening(case)
    return kept or await open_record(work, case, case.action.record_type or own_type(case.handling))


async def _service_request_in_body(work: RecordWork, case: Case) -> RecordView | None:
    """Return the service request that a line of the body names by its number: it wins over the subject (MAT-08)."""
    records = case.finding("template", BodyRecords)
    for described in records.records if records else ():
        number = described.known([_NUMBER]).get(_NUMBER, "")
        found = await work.find(_SERVICE_REQUEST, number) if number else None
        if found is not None:
            case.note("match", f"{found.type} {found.number}: the body names it")
            return found
    return None


async def _fields_for(work: RecordWork, case: Case, record: RecordView) -> dict[str, str]:
    """Return the fields that the body sets; only service requests are changed that way."""
    records = case.finding("template", BodyRecords)
    if record.type != _SERVICE_REQUEST or records is None:
        return {}
    return known_fields(records.records[0], (await work.kinds())[record.type]) if records.records else {}
