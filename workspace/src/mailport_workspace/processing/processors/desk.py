"""Incidents and problems: a mail continues the record that it concerns, or opens one (INB-08, MAT-01, MAT-07, MAT-08)."""

from __future__ import annotations

from collections.abc import Mapping

from mailport.policies.templates import BodyRecords
from mailport_workspace.intake.verdict import Verdict
from mailport_workspace.processing.case import Case
from mailport_workspace.processing.continuing import continue_record, wants_new_record
from mailport_workspace.processing.creating import open_record
from mailport_workspace.processing.fieldlines import SERVICE_REQUEST, known_fields, service_request_in
from mailport_workspace.processing.match import find_record, own_type
from mailport_workspace.processing.unmatched import kept_from_opening
from mailport_workspace.records.interface import RecordView, RecordWork

__all__ = ["process"]


async def process(work: RecordWork, case: Case) -> Verdict:
    """Continue or open a record; a service request that the body names by its number wins over everything else."""
    named = await service_request_in(work, case)
    if named is not None:
        case.note("match", f"{named[0].type} {named[0].number}: the body names it")
        return await continue_record(work, case, *named)
    record = await find_record(work, case)
    if record is not None and not wants_new_record(case, record):
        return await continue_record(work, case, record, await _fields_for(work, case, record))
    kept = kept_from_opening(case)
    return kept or await open_record(work, case, case.action.record_type or own_type(case.handling))


async def _fields_for(work: RecordWork, case: Case, record: RecordView) -> Mapping[str, str]:
    """Return the fields that the body sets; only service requests are changed that way."""
    described = case.finding("template", BodyRecords)
    if record.type != SERVICE_REQUEST or described is None or not described.records:
        return {}
    return known_fields(described.records[0], (await work.kinds())[record.type])
