"""Sending: a mail is stored with its wish in one transaction, and leaves afterwards (SND-22)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import APIRouter, Body, Depends, File, Form, Header, Query, Request, Response, UploadFile
from pydantic import BaseModel, Field, Json

from mailport import Attachment, Message
from mailport.errors import ConfigurationError
from mailport.reading.sendable import check_sendable
from mailport_workspace.access.caller import Caller, Scope
from mailport_workspace.api.access import CallerOf, WorkspaceOf
from mailport_workspace.api.errors import below, can_fail_with
from mailport_workspace.api.new_mail import LARGEST_MAIL, IdempotencyKey, NewMail, NewRecord, RawOptions, named_attachment
from mailport_workspace.outbox.enqueue import Submitted, Wish
from mailport_workspace.records.interface import RecordRef
from mailport_workspace.tables import OutboxState
from mailport_workspace.workspace import Workspace

__all__ = ["AcceptedMail", "IdempotencyKeyOf", "accept", "router"]

router = APIRouter(prefix="/mails", tags=["mails"])

IdempotencyKeyOf = Annotated[
    IdempotencyKey | None,
    Header(alias="Idempotency-Key", description="The same key twice means the same mail: the second call changes nothing."),
]
_FAILURES = can_fail_with(401, 403, 409, 413, 415)


class AcceptedMail(BaseModel):
    """A mail that is stored. ``id`` traces it through the journal; ``is_new`` is false where the key was used before."""

    id: str = Field(examples=["0190f3c2a1b4d0c4e5f60718293a4b5c"])
    outbox_id: str
    state: OutboxState
    is_new: bool

    @classmethod
    def of(cls, submitted: Submitted) -> Self:
        """Return what the caller is told."""
        return cls(id=submitted.journal_id, outbox_id=submitted.outbox_id, state=submitted.state, is_new=submitted.is_new)


@dataclass(frozen=True, slots=True)
class Sending:
    """One call that wants a mail sent."""

    request: Request
    response: Response
    workspace: Workspace
    caller: Caller
    key: str | None

    async def accept(self, options: NewMail | RawOptions, message: Message) -> AcceptedMail:
        """Store the mail; say where it can be followed."""
        accepted = await accept(self.workspace, self.caller, options, message, self.key)
        self.response.headers["Location"] = self.request.url_for("read_mail", mail=accepted.id).path
        return accepted


def _sending(
    request: Request, response: Response, workspace: WorkspaceOf, caller: CallerOf, key: IdempotencyKeyOf = None
) -> Sending:
    caller.require(Scope.MAIL_SEND)
    return Sending(request, response, workspace, caller, key)


SendingOf = Annotated[Sending, Depends(_sending)]


@router.post("", status_code=202, max_body_size=LARGEST_MAIL, responses=_FAILURES)
async def send(sending: SendingOf, mail: NewMail) -> AcceptedMail:
    """Send a mail. The answer comes when it is stored; the journal tells what becomes of it."""
    return await sending.accept(mail, mail.message())


@router.post("/upload", status_code=202, max_body_size=LARGEST_MAIL, responses=_FAILURES)
async def send_with_files(
    sending: SendingOf,
    mail: Annotated[Json[NewMail], Form(description="The mail as JSON, as `POST /mails` takes it.")],
    files: Annotated[list[UploadFile], File(description="Attachments; a Content-ID header of a part makes it inline.")],
) -> AcceptedMail:
    """Send a mail whose attachments come as files of a form."""
    return await sending.accept(mail, mail.message([await _uploaded(number, file) for number, file in enumerate(files)]))


@router.post("/raw", status_code=202, max_body_size=LARGEST_MAIL, responses=_FAILURES)
async def send_raw(
    sending: SendingOf,
    options: Annotated[RawOptions, Query()],
    content: Annotated[bytes, Body(media_type="message/rfc822")],
) -> AcceptedMail:
    """Send a complete RFC 5322 message as it is; To, Cc and Bcc receive it unless ``envelope_to`` names others."""
    check_sendable(content, recipients_elsewhere=bool(options.envelope_to))
    return await sending.accept(options, Message.read(content).replace(**options.envelope()))


async def accept(
    workspace: Workspace, caller: Caller, options: NewMail | RawOptions, message: Message, key: str | None
) -> AcceptedMail:
    """Store a mail that is to be sent; return what the caller is told."""
    _require_recipients(message)
    wish = Wish(
        record=await _record(workspace, caller.actor.tenant, options.wanted_record),
        due_at=options.send_at,
        priority=options.priority,
        idempotency_key=key,
        origin="user" if caller.sign_in else "api",
        hold=options.hold,
    )
    return AcceptedMail.of(await workspace.outbox.submit(caller.actor.tenant, message, wish))


def _require_recipients(message: Message) -> None:
    if not message.recipients:
        raise ConfigurationError(
            "The mail has no recipient.", code="message.no_recipient", field="to", remedy="Add a To, Cc or Bcc address."
        )


async def _record(workspace: Workspace, tenant: str, wanted: NewRecord | None) -> RecordRef | None:
    if wanted is None:
        return None
    async with workspace.records.work(tenant) as work:
        by_id = await work.get(wanted.type, wanted.id) if wanted.id else None
        view = by_id if wanted.id else await work.find(wanted.type, wanted.number)
    if view is None:
        raise ConfigurationError(
            "There is no such record.", code="record.unknown", field="record", remedy="Name its type, and its id or number."
        )
    return RecordRef(type=view.type, id=view.id, number=view.number)


async def _uploaded(number: int, file: UploadFile) -> Attachment:
    kind = file.content_type or "application/octet-stream"
    with below(lambda _field: ["files", str(number)]):
        return named_attachment(file.filename or "", await file.read(), kind, file.headers.get("Content-ID", ""))
