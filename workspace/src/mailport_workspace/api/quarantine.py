"""The quarantine: mails that wait for a person, and what that person decides (INB-14, PLS-06)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.mail_shapes import MailSummary, Shown
from mailport_workspace.api.paging import Page, PagingOf
from mailport_workspace.api.shapes import Id, Text
from mailport_workspace.tables import JournalEntry, Quarantined
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.workspace import Workspace

__all__ = ["router"]

router = APIRouter(prefix="/quarantine", tags=["quarantine"], responses=can_fail_with(401, 403))

Reader = Annotated[Actor, allowed(Scope.MAIL_READ)]
Triage = Annotated[Actor, allowed(Scope.RECORDS_WRITE)]
Word = Annotated[Text, Field(max_length=100)]
_MISSING = can_fail_with(404)


class Held(Shown):
    """A mail that waits, or waited, for a person: why, and what was decided."""

    code: str
    reason: str
    created_at: datetime
    released_at: datetime | None
    decision: str
    mail: MailSummary


@router.get("")
async def list_quarantine(
    actor: Reader, workspace: WorkspaceOf, paging: PagingOf, *, inbox: Word = "", code: Word = "", decided: bool = False
) -> Page[Held]:
    """List the mails that wait for a person, or with ``decided`` those that waited, the newest first."""
    with paging.asked():
        found = await workspace.quarantine.list(
            actor, inbox=inbox, code=code, decided=decided, after=paging.after, limit=paging.limit
        )
    return paging.page(found, lambda pair: [pair[0].id], _held)


@router.post("/{mail}/replay", status_code=202, responses=_MISSING)
async def replay_mail(mail: Id, actor: Triage, workspace: WorkspaceOf) -> MailSummary:
    """Process a mail again as if it had just come: for failures whose cause is mended."""
    await workspace.quarantine.replay(actor, mail)
    return await _now(workspace, actor, mail)


@router.post("/{mail}/release", status_code=202, responses=_MISSING)
async def release_mail(mail: Id, actor: Triage, workspace: WorkspaceOf) -> MailSummary:
    """Process a mail again, past what only keeps strangers and machines from making records."""
    await workspace.quarantine.release(actor, mail)
    return await _now(workspace, actor, mail)


@router.post("/{mail}/create-record", status_code=202, responses=_MISSING)
async def create_record_of_mail(mail: Id, actor: Triage, workspace: WorkspaceOf) -> MailSummary:
    """Let a mail become a record of its inbox; the journal tells which."""
    await workspace.quarantine.create_record(actor, mail)
    return await _now(workspace, actor, mail)


@router.post("/{mail}/spam", responses=_MISSING)
async def mark_spam(mail: Id, actor: Triage, workspace: WorkspaceOf) -> MailSummary:
    """End a mail, and ignore its sender from now on."""
    await workspace.quarantine.mark_spam(actor, mail)
    return await _now(workspace, actor, mail)


@router.delete("/{mail}", status_code=204, responses=_MISSING)
async def delete_quarantined_mail(mail: Id, actor: Triage, workspace: WorkspaceOf) -> None:
    """End a mail; its history stays."""
    await workspace.quarantine.delete(actor, mail)


def _held(pair: tuple[Quarantined, JournalEntry]) -> Held:
    row, journal = pair
    return Held(
        code=row.code,
        reason=row.reason,
        created_at=row.created_at,
        released_at=row.released_at,
        decision=row.decision,
        mail=MailSummary.of(journal),
    )


async def _now(workspace: Workspace, actor: Actor, mail: str) -> MailSummary:
    async with workspace.store.read(actor.tenant) as rows:
        return MailSummary.of(await rows.journal_entry(mail))
