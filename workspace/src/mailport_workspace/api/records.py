"""The records of a tenant that keeps them here: look, create, change, note, answer by mail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.downloads import as_file, download
from mailport_workspace.api.errors import below, can_fail_with
from mailport_workspace.api.mail import AcceptedMail, IdempotencyKeyOf
from mailport_workspace.api.new_mail import LARGEST_MAIL, Mailbox, Mailboxes, NewAttachment, decoded, mailbox_of
from mailport_workspace.api.paging import Page, PagingOf
from mailport_workspace.api.record_shapes import OutsideNumberShown, RecordDetails, RecordListed, RecordShown
from mailport_workspace.api.shapes import Id, Input, Text
from mailport_workspace.queries.records import RecordFilter
from mailport_workspace.tenants.actor import Actor

__all__ = ["Reader", "router"]

router = APIRouter(prefix="/records", tags=["records"], responses=can_fail_with(401, 403))

Reader = Annotated[Actor, allowed(Scope.RECORDS_READ)]
Writer = Annotated[Actor, allowed(Scope.RECORDS_WRITE)]
Word = Annotated[Text, Field(max_length=200)]
Fields = Annotated[dict[str, Any], Field(max_length=300, examples=[{"subject": "The printer does not print"}])]
_BESIDE_FIELDS = frozenset({"type", "parent", "email", "state", "reason", "idempotency_key"})


class NewRecordForm(Input):
    """A record that is wanted, for the person with the address ``email``, below the record ``parent``."""

    type: Annotated[Text, Field(min_length=1, max_length=100)]
    fields: Fields
    email: Mailbox | None = None
    parent: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None


class RecordPatch(Input):
    """What shall change, with the reason for the history; an empty value clears a field."""

    fields: Fields = Field(default_factory=dict)
    state: Annotated[Text, Field(max_length=100)] = ""
    reason: Annotated[Text, Field(max_length=10_000)] = ""


class Note(Input):
    """A note for the history."""

    text: Annotated[Text, Field(min_length=1, max_length=100_000)]


class OutsideNumberForm(Input):
    """The number that another system gave to a record."""

    number: Annotated[Text, Field(min_length=1, max_length=200, examples=["CASE-4711"])]
    system: Annotated[Text, Field(max_length=200)] = ""


class Answer(Input):
    """An answer to the latest mail of a record; ``to`` is who gets it instead of whoever wrote that mail."""

    text: Text
    html: Text = ""
    to: Mailboxes = Field(default_factory=list)
    cc: Mailboxes = Field(default_factory=list)
    attachments: Annotated[list[NewAttachment], Field(max_length=200)] = Field(default_factory=list)


@router.get("")
async def list_records(
    actor: Reader,
    workspace: WorkspaceOf,
    paging: PagingOf,
    *,
    type: Word = "",  # noqa: A002 - the name of the parameter
    state: Annotated[list[Word], Query(max_length=50)] = [],  # noqa: B006 - never changed
    text: Annotated[Word, Query(description="A part of number or title.")] = "",
    person: Word = "",
    parent: Word = "",
) -> Page[RecordListed]:
    """List records, the newest first."""
    wanted = RecordFilter(type=type, states=tuple(state), text=text, person=person, parent=parent)
    with paging.asked():
        found = await workspace.desk.list(actor, wanted, after=paging.after, limit=paging.limit)
    return paging.page(found, lambda listed: [listed.record.id], RecordListed.listed)


@router.post("", status_code=201, responses=can_fail_with(404, 409))
async def create_record(
    form: NewRecordForm,
    response: Response,
    request: Request,
    *,
    actor: Writer,
    workspace: WorkspaceOf,
    idempotency_key: IdempotencyKeyOf = None,
) -> RecordShown:
    """Make a record; the same key twice makes one."""
    with below(_place):
        view = await workspace.desk.create(
            actor,
            form.type,
            form.fields,
            email=mailbox_of(form.email) if form.email else "",
            parent=form.parent or "",
            key=idempotency_key or "",
        )
    response.headers["Location"] = request.url_for("read_record", record=view.id).path
    return RecordShown.of(view)


@router.get("/{record}", responses=can_fail_with(404))
async def read_record(record: Id, actor: Reader, workspace: WorkspaceOf) -> RecordDetails:
    """Read a record with its history, its files and the person it is linked to."""
    return RecordDetails.told(await workspace.desk.read(actor, record))


@router.patch("/{record}", responses=can_fail_with(404, 409))
async def change_record(
    record: Id, patch: RecordPatch, *, actor: Writer, workspace: WorkspaceOf, idempotency_key: IdempotencyKeyOf = None
) -> RecordShown:
    """Change fields and state."""
    key = idempotency_key or ""
    with below(_place):
        view = await workspace.desk.change(actor, record, patch.fields, state=patch.state, reason=patch.reason, key=key)
    return RecordShown.of(view)


@router.post("/{record}/notes", status_code=204, responses=can_fail_with(404))
async def add_note(record: Id, note: Note, actor: Writer, workspace: WorkspaceOf) -> None:
    """Write a note into the history."""
    await workspace.desk.note(actor, record, note.text)


@router.post("/{record}/answers", status_code=202, max_body_size=LARGEST_MAIL, responses=can_fail_with(404, 409))
async def answer_record(
    record: Id,
    answer: Answer,
    *,
    actor: Annotated[Actor, allowed(Scope.MAIL_SEND)],
    workspace: WorkspaceOf,
    idempotency_key: IdempotencyKeyOf = None,
) -> AcceptedMail:
    """Answer by mail; it stands in the history as soon as it is accepted, and leaves afterwards."""
    submitted = await workspace.desk.answer(
        actor,
        record,
        text=answer.text,
        html=answer.html,
        to=answer.to,
        cc=answer.cc,
        attachments=decoded(answer.attachments),
        key=idempotency_key,
    )
    return AcceptedMail.of(submitted)


@router.get("/{record}/files/{file}", response_class=Response, responses=can_fail_with(404) | as_file())
async def download_file(record: Id, file: Id, actor: Reader, workspace: WorkspaceOf) -> Response:
    """Download a file of a record."""
    row, content = await workspace.desk.file(actor, record, file)
    return download(content, row.content_type, row.filename)


@router.post("/{record}/outside-numbers", status_code=201, responses=can_fail_with(404))
async def add_outside_number(record: Id, form: OutsideNumberForm, actor: Writer, workspace: WorkspaceOf) -> OutsideNumberShown:
    """Let the number of another system stand for a record: mail that names it finds the record."""
    kind = (await workspace.desk.read(actor, record)).record.type
    entry = await workspace.outside_numbers.add(actor, kind, record, form.number, system=form.system)
    numbers = await workspace.outside_numbers.list(actor, kind, record)
    return next(OutsideNumberShown.model_validate(number) for number in numbers if number.id == entry)


@router.delete("/{record}/outside-numbers/{number}", status_code=204, responses=can_fail_with(404))
async def remove_outside_number(record: Id, number: Id, actor: Writer, workspace: WorkspaceOf) -> None:
    """Forget an outside number; ``number`` is the id of its entry."""
    kind = (await workspace.desk.read(actor, record)).record.type
    await workspace.outside_numbers.remove(actor, kind, record, number)


def _place(field: str) -> Sequence[str]:
    """Return where a field stands in the body."""
    return [field] if field in _BESIDE_FIELDS else ["fields", field]
