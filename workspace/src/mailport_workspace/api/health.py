"""How things fare: for the tenant in words and figures, and for whoever runs the service whether it lives."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel

from mailport.errors import MailportError
from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.mail_shapes import Shown
from mailport_workspace.api.outbox import Closed
from mailport_workspace.api.shapes import Id, Input
from mailport_workspace.tables import IntakeState, OutboxState, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.health import Condition, close_inbox_circuit, read_health
from mailport_workspace.workspace import Workspace

__all__ = ["probes", "router"]

router = APIRouter(tags=["health"], responses=can_fail_with(401, 403))
probes = APIRouter(include_in_schema=False)

Reader = Annotated[Actor, allowed(Scope.MAIL_READ)]
Writer = Annotated[Actor, allowed(Scope.CONFIGURATION_WRITE)]
Subject = Annotated[str, Path(pattern="^(outgoing|[0-9a-f]{32})$", description="`outgoing` or the id of an inbox.")]
_ALIVE = timedelta(minutes=1)
_LATELY = timedelta(days=1)


class AccountShown(Shown):
    """How the outgoing account fares."""

    condition: Condition
    words: str
    circuit_opened_at: datetime | None
    wait_until: datetime | None


class InboxShown(Shown):
    """How an inbox fares (LOG-03)."""

    id: str
    name: str
    condition: Condition
    words: str
    last_poll_at: datetime | None
    last_success_at: datetime | None
    last_error: str
    last_error_code: str
    failures: int
    backlog: int


class CredentialWarned(Shown):
    """A credential that ends on a day, or was refused (LOG-05)."""

    subject: str
    name: str
    code: str
    text: str
    ends_on: date | None


class CredentialEnd(Input):
    """The day on which a credential ends, where only a person knows; null forgets it."""

    ends_on: date | None


class StorageTrouble(Shown):
    """Why something could not be stored, and what helps."""

    code: str
    message: str
    remedy: str


class Health(BaseModel):
    """How the tenant's accounts fare; ``works`` says whether a worker is alive that sends and reads mail.

    ``storage`` is null where everything can be stored; else what kept this process from it within the last minute.
    """

    works: bool
    storage: StorageTrouble | None
    outgoing: AccountShown
    inboxes: list[InboxShown]
    warnings: list[CredentialWarned]


class FiguresShown(Shown):
    """How much there is: what waits by state, records by type and state, and what came and went in the last 24 hours."""

    outbox: dict[OutboxState, int]
    intake: dict[IntakeState, int]
    records: dict[str, dict[str, int]]
    quarantined: int
    received_lately: int
    sent_lately: int


class Life(BaseModel):
    """A sign of life."""

    status: str


@router.get("/health")
async def read_tenant_health(actor: Reader, workspace: WorkspaceOf) -> Health:
    """Say how the accounts fare, and why."""
    moment = now()
    async with workspace.store.read(actor.tenant) as rows:
        health = await read_health(rows, moment)
        warnings = await workspace.credentials.warnings_in(rows)
    return Health(
        works=await _works(workspace, moment),
        storage=StorageTrouble.model_validate(workspace.store.trouble) if workspace.store.trouble else None,
        outgoing=AccountShown.model_validate(health.outgoing),
        inboxes=[InboxShown.model_validate(inbox) for inbox in health.inboxes],
        warnings=[CredentialWarned.model_validate(warning) for warning in warnings],
    )


@router.get("/figures")
async def read_figures(actor: Reader, workspace: WorkspaceOf) -> FiguresShown:
    """Count what waits, by state, and what came and went lately."""
    async with workspace.store.read(actor.tenant) as rows:
        return FiguresShown.model_validate(await rows.figures(now() - _LATELY))


@router.put("/health/credentials/{subject}", status_code=204, responses=can_fail_with(404))
async def set_credential_end(subject: Subject, form: CredentialEnd, actor: Writer, workspace: WorkspaceOf) -> None:
    """Note when a credential ends, so that it is warned of before mail stops."""
    await workspace.credentials.set_end(actor, subject, form.ends_on)


@router.post("/health/inboxes/{inbox}/close-circuit", responses=can_fail_with(404))
async def close_circuit_of_inbox(inbox: Id, actor: Writer, workspace: WorkspaceOf) -> Closed:
    """Let an inbox be read again although its settings are the same."""
    async with workspace.store.write(actor.tenant) as rows:
        return Closed(was_open=await close_inbox_circuit(rows, actor, inbox, now()))


@probes.get("/healthz")
async def is_alive() -> Life:
    """Say that the process answers; nothing else is asked, so that a failing database restarts nobody."""
    return Life(status="alive")


@probes.get("/readyz")
async def is_ready(workspace: WorkspaceOf, response: Response) -> Life:
    """Say whether calls can be served: the database answers."""
    try:
        await _works(workspace, now())
    except MailportError:
        response.status_code = 503
        return Life(status="the database does not answer")
    return Life(status="ready")


async def _works(workspace: Workspace, moment: datetime) -> bool:
    async with workspace.store.survey() as rows:
        return await rows.has_worker(moment - _ALIVE)
