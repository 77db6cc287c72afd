"""Lines of a body that set fields: the records that they describe, by the names and labels of a type's fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mailport.policies.templates import BodyRecord, BodyRecords
from mailport_workspace.intake.content import storable
from mailport_workspace.processing.case import Case
from mailport_workspace.processing.creating import field_named, mapped_fields
from mailport_workspace.processing.described import MOST_RECORDS, Described, found_by_key
from mailport_workspace.processing.match import find_record, own_type
from mailport_workspace.records.interface import RecordKind, RecordView, RecordWork
from mailport_workspace.tables import StepState
from mailport_workspace.tenants.handling import Processor

__all__ = ["SERVICE_REQUEST", "concerned", "described_in", "known_fields", "report_unknown", "service_request_in"]

SERVICE_REQUEST = "service_request"
_NUMBER = "number"


def described_in(case: Case, kind: RecordKind) -> Iterator[Described]:
    """Yield the records that the body describes; the text of the mail stands for a description that it does not give."""
    body = field_named(kind, case.handling.body_field)
    mapped = mapped_fields(case, kind)
    added = {**({body: mapped[body]} if body in mapped else {}), **case.action.fields}
    for number, record in enumerate(_records(case)[:MOST_RECORDS], 1):
        fields, key = known_fields(record, kind), case.handling.unique_key
        value = storable(record.known([key]).get(key, "")) or fields.get(field_named(kind, key), "")
        yield Described(number=number, kind=kind, fields=fields, key=key, value=value, added=added)


def known_fields(record: BodyRecord, kind: RecordKind) -> dict[str, str]:
    """Return the values of fields that the type has, by their names."""
    named = ((field_named(kind, name), storable(value)) for name, value in record.fields)
    return {name: value for name, value in named if name}


def report_unknown(case: Case, kind: RecordKind) -> None:
    """Report the names that are no field of the type: they stop nothing (TPL-08)."""
    names = {name for record in _records(case) for name, _ in record.fields}
    beside = {case.handling.unique_key.casefold(), _NUMBER}
    unknown = sorted(name for name in names if not field_named(kind, name) and name.casefold() not in beside)
    if unknown:
        said = f"{kind.label} has no field {', '.join(unknown[:20])}"
        case.note("template", said, state=StepState.SKIPPED, code="record.unknown_field")


async def service_request_in(work: RecordWork, case: Case) -> tuple[RecordView, Mapping[str, str]] | None:
    """Return the service request that lines of the body name by its number, and the fields that they set (MAT-08)."""
    kind = (await work.kinds()).get(SERVICE_REQUEST)
    for record in _records(case) if kind else ():
        number = record.known([_NUMBER]).get(_NUMBER, "")
        found = await work.find(SERVICE_REQUEST, storable(number)) if number else None
        if found is not None and kind is not None:
            return found, known_fields(record, kind)
    return None


async def concerned(work: RecordWork, case: Case) -> list[RecordView]:
    """Return the records that a mail may change, whether its subject, its thread or its body names them."""
    found = [await find_record(work, case)]
    if case.handling.processor is Processor.OTHER:
        kind = (await work.kinds()).get(own_type(case.handling))
        found += [await found_by_key(work, described) for described in described_in(case, kind)] if kind else []
    else:
        named = await service_request_in(work, case)
        found += [named[0]] if named else []
    return [record for record in found if record is not None]


def _records(case: Case) -> tuple[BodyRecord, ...]:
    described = case.finding("template", BodyRecords)
    return described.records if described else ()
