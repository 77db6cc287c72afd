"""Every other business object: lines of a template set fields of new records, or of those that are there (TPL-01 to -08)."""

from __future__ import annotations

from collections.abc import Mapping

from mailport.errors import ConfigurationError
from mailport.policies.templates import BodyRecords
from mailport_workspace.intake.verdict import Verdict
from mailport_workspace.processing.case import Case
from mailport_workspace.processing.continuing import continue_record, wants_new_record
from mailport_workspace.processing.creating import open_record, refused_sender
from mailport_workspace.processing.described import MOST_RECORDS, Batch, Described
from mailport_workspace.processing.failures import failure_record
from mailport_workspace.processing.fieldlines import described_in, report_unknown
from mailport_workspace.processing.match import find_record, own_type
from mailport_workspace.processing.unmatched import kept_from_opening
from mailport_workspace.records.interface import RecordView, RecordWork
from mailport_workspace.tables import Outcome

__all__ = ["process"]


async def process(work: RecordWork, case: Case) -> Verdict:
    """Continue the record that the mail concerns, make those that its body describes, or one of subject and text."""
    template = case.finding("template", BodyRecords) or BodyRecords("no template")
    if template.refused:
        return await failure_record(work, case, ConfigurationError(template.refused, code="template.html"))
    type_ = case.action.record_type or own_type(case.handling)
    kind = (await work.kinds()).get(type_)
    if kind is None:
        return case.quarantined("record", "record.unknown_type", f"there is no type of record “{type_}”")
    described = list(described_in(case, kind))
    record = await find_record(work, case)
    if record is not None and not wants_new_record(case, record):
        report_unknown(case, kind)
        return await continue_record(work, case, record, _fields_for(record, described))
    kept = kept_from_opening(case)
    if kept is not None:
        return kept
    if not any(one.fields or one.value for one in described):
        return await open_record(work, case, kind.name)
    report_unknown(case, kind)
    return await _put_all(work, case, described, len(template.records))


def _fields_for(record: RecordView, described: list[Described]) -> Mapping[str, str]:
    """Return what the body sets on the record that the mail concerns, where it describes one record and not several."""
    return described[0].fields if len(described) == 1 and described[0].kind.name == record.type else {}


async def _put_all(work: RecordWork, case: Case, described: list[Described], total: int) -> Verdict:
    refused = await refused_sender(work, case)
    if refused is not None:
        return refused
    batch = Batch(work, case, asks_who=True)
    for one in described:
        await batch.put(one)
    if total > MOST_RECORDS:
        batch.refuse("template.too_many", f"only the first {MOST_RECORDS} of {total} records are read")
    return await batch.verdict(Outcome.CREATED if batch.created else Outcome.UPDATED)
