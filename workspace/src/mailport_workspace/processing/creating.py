"""New records from mail: with the fields that the type takes, and a report of those that it does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from mailport.errors import ConfigurationError
from mailport_workspace.intake.verdict import Verdict
from mailport_workspace.processing.case import Case
from mailport_workspace.processing.person import find_person, is_welcome
from mailport_workspace.records.interface import RecordKind, RecordView, RecordWork
from mailport_workspace.tables import Outcome, StepState

__all__ = ["create_one", "field_named", "mapped_fields", "open_record", "refused_sender", "with_what_fits"]

_LONGEST_TITLE = 1000


async def open_record(work: RecordWork, case: Case, kind: str) -> Verdict:
    """Make the record of a mail that concerns none, and put the mail into its history."""
    refused = await refused_sender(work, case)
    if refused is not None:
        return refused
    fields = mapped_fields(case, (await work.kinds()).get(kind))
    made = await create_one(work, case, kind, {**fields, **case.action.fields}, key=f"{case.key}.1", title=case.subject)
    if isinstance(made, ConfigurationError):
        return case.quarantined("record", made.code, f"no {kind} was made: {made}")
    await work.attach(made, case.attached(), person=case.person)
    case.note("record", f"{made.type} {made.number} was created")
    return case.verdict(Outcome.CREATED, record=made)


async def refused_sender(work: RecordWork, case: Case) -> Verdict | None:
    """Find who wrote, and say what becomes of a mail whose sender may not open a record (INB-13, INB-14)."""
    await find_person(work, case)
    if is_welcome(case):
        return None
    reason = f"the sender {case.sender_mailbox or 'is missing and'} is not known, and the inbox links no senders"
    if case.options.strict_compatibility:
        return case.ignored("person", "person.unknown_sender", reason)
    return case.quarantined("person", "person.unknown_sender", reason)


async def create_one(
    work: RecordWork, case: Case, kind: str, fields: Mapping[str, Any], *, key: str, title: str
) -> RecordView | ConfigurationError:
    """Make a record with what its fields take. Returns the error that prevents it."""
    person = case.person if case.handling.link_person else None
    create = partial(work.create, kind, key=key, title=title[:_LONGEST_TITLE], person=person)
    return await with_what_fits(case, fields, create)


async def with_what_fits(
    case: Case, fields: Mapping[str, Any], make: Callable[[Mapping[str, Any]], Awaitable[RecordView]]
) -> RecordView | ConfigurationError:
    """Make or change a record; values that their fields do not take are left out and reported (TPL-08)."""
    try:
        return await make(fields)
    except ConfigurationError as error:
        faulty = {problem.field: problem for problem in error.problems if problem.field in fields}
        if not faulty:
            return error
    for problem in faulty.values():
        case.note("fields", problem.message, state=StepState.SKIPPED, code=problem.code)
    try:
        return await make({name: value for name, value in fields.items() if name not in faulty})
    except ConfigurationError as error:
        return error


def mapped_fields(case: Case, kind: RecordKind | None) -> dict[str, str]:
    """Return subject and text by the names of the fields that the inbox gives them (PLS-05), where the type has them."""
    if kind is None:
        return {}
    subject, body = field_named(kind, case.handling.subject_field), field_named(kind, case.handling.body_field)
    given = {body: case.text} | {subject: case.subject[:_LONGEST_TITLE]}
    return {name: value for name, value in given.items() if name and value}


def field_named(kind: RecordKind, name: str) -> str:
    """Return the field with that name or label, compared without regard to case, or nothing."""
    folded = " ".join(name.split()).casefold()
    return next((field for field in kind.fields if folded in (field.casefold(), kind.labels.get(field, field).casefold())), "")
