"""The journal: every mail either way, what happened to it, its bytes (LOG-02)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from mailport import Message
from mailport.errors import ConfigurationError, NotFound
from mailport_workspace.access.caller import Caller, Scope
from mailport_workspace.api.access import CallerOf, WorkspaceOf, allowed
from mailport_workspace.api.downloads import as_file, download
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.mail import AcceptedMail
from mailport_workspace.api.mail_shapes import MailContent, MailShown, MailSummary
from mailport_workspace.api.paging import Page, PagingOf
from mailport_workspace.api.shapes import Id
from mailport_workspace.journal.account import Happening, MailHistory, read_history
from mailport_workspace.queries.journal import MailFilter
from mailport_workspace.tables import JournalEntry
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.workspace import Workspace

__all__ = ["router"]

router = APIRouter(prefix="/journal", tags=["journal"], responses=can_fail_with(401, 403))

Reader = Annotated[Actor, allowed(Scope.MAIL_READ)]
_MISSING = can_fail_with(404)
_PIECE = 1024 * 1024


class HappeningShown(BaseModel):
    """One thing that happened to a mail."""

    at: datetime
    text: str
    code: str
    went_wrong: bool

    @classmethod
    def of(cls, happening: Happening) -> HappeningShown:
        """Return what is shown of it."""
        return cls(at=happening.at, text=happening.text, code=happening.code, went_wrong=happening.went_wrong)


class Explanation(BaseModel):
    """What became of a mail and why, for a human to read."""

    summary: str
    happenings: list[HappeningShown]


@router.get("")
async def list_mails(
    actor: Reader, workspace: WorkspaceOf, paging: PagingOf, wanted: Annotated[MailFilter, Query()]
) -> Page[MailSummary]:
    """List mails, the newest first."""
    with paging.asked():
        async with workspace.store.read(actor.tenant) as rows:
            found = await rows.mails(wanted, after=paging.after, limit=paging.limit)
    return paging.page(found, lambda entry: [entry.id], MailSummary.of)


@router.get("/{mail}", responses=_MISSING)
async def read_mail(mail: Id, caller: CallerOf, workspace: WorkspaceOf) -> MailShown:
    """Read the history of one mail: steps, attempts, what became of each recipient, quarantine."""
    history = await _history(workspace, caller, mail)
    return MailShown.told(history, with_details=Scope.CONFIGURATION_READ in caller.scopes)


@router.get("/{mail}/explanation", responses=_MISSING)
async def explain_mail(mail: Id, caller: CallerOf, workspace: WorkspaceOf) -> Explanation:
    """Explain a mail: what happened, in order, and why."""
    history = await _history(workspace, caller, mail)
    return Explanation(summary=history.summary, happenings=[HappeningShown.of(one) for one in history.happenings()])


@router.get("/{mail}/related", responses=_MISSING)
async def list_related_mails(mail: Id, actor: Reader, workspace: WorkspaceOf) -> list[MailSummary]:
    """List the mails of the same conversation or record, and the bounces of this one, the oldest first; at most 100."""
    async with workspace.store.read(actor.tenant) as rows:
        return [MailSummary.of(entry) for entry in await rows.related_mails(await rows.journal_entry(mail))]


@router.get(
    "/{mail}/raw",
    response_class=StreamingResponse,
    responses=_MISSING | as_file("message/rfc822"),
)
async def download_mail(mail: Id, actor: Reader, workspace: WorkspaceOf) -> StreamingResponse:
    """Download the bytes of a mail."""
    async with workspace.store.read(actor.tenant) as rows:
        raw = _raw_of(await rows.journal_entry(mail))
        size = await rows.raw_size(raw)
    headers = {"Content-Length": str(size), "Content-Disposition": f'attachment; filename="{mail}.eml"'}
    return StreamingResponse(_pieces(workspace, actor.tenant, raw, size), media_type="message/rfc822", headers=headers)


@router.get("/{mail}/content", responses=_MISSING)
async def read_mail_content(mail: Id, actor: Reader, workspace: WorkspaceOf) -> MailContent:
    """Read what a mail says; its HTML comes without anything that could do harm."""
    return await asyncio.to_thread(MailContent.of, await _message(workspace, actor.tenant, mail))


@router.get(
    "/{mail}/attachments/{number}",
    response_class=Response,
    responses=_MISSING | as_file(),
)
async def download_mail_attachment(
    mail: Id, number: Annotated[int, Path(ge=0, le=10_000)], actor: Reader, workspace: WorkspaceOf
) -> Response:
    """Download an attachment; ``number`` is that of the mail's content."""
    message = await _message(workspace, actor.tenant, mail)
    attachments = await asyncio.to_thread(lambda: message.attachments)
    if number >= len(attachments):
        raise NotFound("The mail has no such attachment.", code="store.missing")
    found = attachments[number]
    return download(found.content, found.content_type, found.filename)


@router.post("/{mail}/resend", status_code=202, responses=can_fail_with(404, 409))
async def resend_mail(mail: Id, actor: Annotated[Actor, allowed(Scope.MAIL_SEND)], workspace: WorkspaceOf) -> AcceptedMail:
    """Send an outgoing mail again, whatever became of it; where others have it already, to whom it was refused."""
    async with workspace.store.read(actor.tenant) as rows:
        await rows.journal_entry(mail)
        entries = await rows.outbox_of(mail)
    if not entries:
        raise ConfigurationError(
            "This mail was not sent from here.", code="store.state", remedy="Resend mails of the direction “outgoing”."
        )
    return AcceptedMail.of(await workspace.outbox.resend(actor, entries[-1].id))


async def _history(workspace: Workspace, caller: Caller, mail: str) -> MailHistory:
    caller.require(Scope.MAIL_READ)
    async with workspace.store.read(caller.actor.tenant) as rows:
        return await read_history(rows, mail)


async def _message(workspace: Workspace, tenant: str, mail: str) -> Message:
    async with workspace.store.read(tenant) as rows:
        raw = await rows.raw_message(_raw_of(await rows.journal_entry(mail)))
    return await asyncio.to_thread(Message.read, raw.content)


def _raw_of(entry: JournalEntry) -> str:
    if entry.raw_id is None:
        raise NotFound(
            "The bytes of this mail are not kept.", code="store.purged", remedy="They are deleted before the history of a mail."
        )
    return entry.raw_id


async def _pieces(workspace: Workspace, tenant: str, raw: str, size: int) -> AsyncIterator[bytes]:
    """Yield the bytes in pieces, each read in a transaction of its own: a slow reader keeps none open."""
    for start in range(0, size, _PIECE):
        async with workspace.store.read(tenant) as rows:
            piece = await rows.raw_piece(raw, start, _PIECE)
        yield piece
