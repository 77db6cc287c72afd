"""Export Email as XML: the mail becomes a document, and a stylesheet of the tenant makes records of it (XML-01, XML-02)."""

from __future__ import annotations

from mailport.errors import ConfigurationError
from mailport_workspace.intake.content import storable
from mailport_workspace.intake.verdict import Verdict
from mailport_workspace.processing.case import Case
from mailport_workspace.processing.creating import field_named
from mailport_workspace.processing.described import Batch, Described
from mailport_workspace.processing.failures import failure_record
from mailport_workspace.processing.person import find_person
from mailport_workspace.processing.xml import Imported, as_document
from mailport_workspace.records.interface import RecordKind, RecordWork
from mailport_workspace.tables import Outcome, StepState

__all__ = ["document_of", "process"]

_FALLBACK = "incident"
_NUMBER = "number"


def document_of(case: Case) -> bytes:
    """Return the document of a mail."""
    message = case.message
    return as_document(
        {
            "key": case.received.journal_id,
            "id": message.message_id,
            "inbox": case.inbox,
            "date": message.date.isoformat() if message.date else "",
            "from": case.sender_mailbox,
            "to": [address.mailbox for address in (*message.to, *message.cc)],
            "subject": message.subject,
            "body": case.text,
            "attachment": [file.filename for file in message.attachments],
        }
    )


async def process(work: RecordWork, case: Case) -> Verdict:
    """Make or change the records that the import connection makes of the mail; without one there is only the document."""
    if isinstance(case.imported, ConfigurationError):
        return await failure_record(work, case, case.imported)
    if not case.handling.import_connection:
        case.note("xml", "exported")
        return case.verdict(Outcome.EXPORTED)
    case.note("xml", f"the import connection “{case.handling.import_connection}” made {len(case.imported)} records of it")
    await find_person(work, case)
    batch = Batch(work, case, asks_who=False)  # the tenant's own stylesheet decides
    for number, one in enumerate(case.imported, 1):
        type_ = one.type or case.handling.record_type or _FALLBACK
        kind = (await work.kinds()).get(type_)
        if kind is None:
            batch.refuse("record.unknown_type", f"record {number}: there is no type of record “{type_[:100]}”")
        else:
            await batch.put(_described(case, one, kind, number))
    return await batch.verdict(Outcome.EXPORTED)


def _described(case: Case, one: Imported, kind: RecordKind, number: int) -> Described:
    named = {field_named(kind, name): storable(value) for name, value in one.fields.items()}
    fields = {name: value for name, value in named.items() if name}
    unknown = [name for name in one.fields if not field_named(kind, name) and name.lower() != _NUMBER]
    if unknown:
        said = f"{kind.label} has no field {', '.join(unknown[:20])}"
        case.note("xml", said, state=StepState.SKIPPED, code="record.unknown_field")
    key = one.key or case.handling.unique_key
    value = storable(one.fields.get(key, "")) or fields.get(field_named(kind, key), "")
    return Described(number=number, kind=kind, fields=fields, key=key, value=value, added={})
