"""The queues of received mail: how they are worked off, and what people do with what is in them (QUE-03, QUE-04)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.mail_shapes import MailSummary, Shown
from mailport_workspace.api.paging import Page, PagingOf
from mailport_workspace.api.shapes import Id, Input, Text
from mailport_workspace.intake.handlers import HandlerSettings
from mailport_workspace.queries.intake import StagedMail
from mailport_workspace.tables import FinishState, IntakeState
from mailport_workspace.tenants.actor import Actor

__all__ = ["router"]

router = APIRouter(prefix="/queues", tags=["queues"], responses=can_fail_with(401, 403))

Reader = Annotated[Actor, allowed(Scope.MAIL_READ)]
Writer = Annotated[Actor, allowed(Scope.CONFIGURATION_WRITE)]
Name = Annotated[Text, Path(min_length=1, max_length=100, examples=["incoming"])]


class HandlerForm(Input):
    """How a queue is to be worked off; what is left out has its default. ``timeout_minutes`` is for one mail."""

    active: bool = True
    batch_size: Annotated[int, Field(ge=1, le=500)] = 20
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    timeout_minutes: Annotated[int, Field(ge=1, le=1440)] = 5
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    data_with_dispatch: bool = False


class QueueShown(BaseModel):
    """A queue: how it is worked off, and how many mails it holds, by state."""

    name: str
    settings: HandlerForm
    mails: dict[IntakeState, int]


class StagedShown(Shown):
    """A mail in a queue: its state, attempts and last error, and what happens to the message in its mailbox."""

    queue: str
    state: IntakeState
    due_at: datetime
    attempts: int
    last_code: str
    last_error: str
    finish: FinishState
    action: str
    created_at: datetime
    finished_at: datetime | None
    mail: MailSummary


class Move(Input):
    """Mails that shall go into another queue."""

    mails: Annotated[list[Annotated[str, Field(pattern="^[0-9a-f]{32}$")]], Field(min_length=1, max_length=500)]
    queue: Annotated[Text, Field(min_length=1, max_length=100)]


class Started(BaseModel):
    """How many mails are processed again."""

    started: int


@router.get("")
async def list_queues(actor: Reader, workspace: WorkspaceOf) -> list[QueueShown]:
    """List the queues with their settings and how many mails they hold."""
    return [_shown(settings, mails) for settings, mails in await workspace.queues.list(actor)]


@router.put("/{queue}")
async def save_queue(queue: Name, form: HandlerForm, actor: Writer, workspace: WorkspaceOf) -> HandlerForm:
    """Say how a queue is worked off."""
    return _form(await workspace.queues.save(actor, {"queue": queue, **form.model_dump()}))


@router.get("/{queue}/mails")
async def list_queued_mails(
    queue: Name, actor: Reader, workspace: WorkspaceOf, paging: PagingOf, state: IntakeState | None = None
) -> Page[StagedShown]:
    """List the mails of a queue, the newest first."""
    with paging.asked():
        found = await workspace.queues.mails(actor, queue=queue, state=state, after=paging.after, limit=paging.limit)
    return paging.page(found, lambda staged: [staged.entry.id], _staged)


@router.post("/{queue}/restart")
async def restart_queue(queue: Name, actor: Writer, workspace: WorkspaceOf) -> Started:
    """Process the parked mails of a queue again, with all their attempts; at most 500 at a time."""
    return Started(started=await workspace.queues.start(actor, queue))


@router.post("/move", status_code=204, responses=can_fail_with(404))
async def move_mails(move: Move, actor: Writer, workspace: WorkspaceOf) -> None:
    """Put mails into another queue, all or none; parked ones wait there until somebody starts them."""
    await workspace.queues.move(actor, move.mails, move.queue)


@router.delete("/mails/{mail}", status_code=204, responses=can_fail_with(404))
async def delete_queued_mail(mail: Id, actor: Writer, workspace: WorkspaceOf) -> None:
    """Take one mail out of its queue; its history stays."""
    await workspace.queues.delete(actor, mail)


def _form(settings: HandlerSettings) -> HandlerForm:
    return HandlerForm(**settings.model_dump(exclude={"queue"}))


def _shown(settings: HandlerSettings, mails: Mapping[IntakeState, int]) -> QueueShown:
    return QueueShown(name=settings.queue, settings=_form(settings), mails=dict(mails))


def _staged(staged: StagedMail) -> StagedShown:
    facts = {name: getattr(staged.entry, name) for name in StagedShown.model_fields if name != "mail"}
    return StagedShown(**facts, mail=MailSummary.of(staged.journal))
