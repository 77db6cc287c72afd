"""The deployment as a whole, for its operator: health across tenants, plugins, and what operators changed."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter
from pydantic import BaseModel

from mailport_workspace.api.access import OperatorOf, WorkspaceOf
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.health import StorageTrouble
from mailport_workspace.api.mail_shapes import Shown
from mailport_workspace.api.paging import Page, PagingOf
from mailport_workspace.api.plugins import Plugin, Reloaded
from mailport_workspace.tables import now

__all__ = ["router"]

router = APIRouter(prefix="/deployment", tags=["operator"], responses=can_fail_with(401, 403))

_PATIENCE = timedelta(minutes=5)


class StuckInboxShown(BaseModel):
    """An enabled inbox that makes no progress; the health of its tenant says why."""

    tenant: str
    inbox: str
    due_since: datetime
    failures: int
    code: str


class DeploymentHealth(BaseModel):
    """How the deployment fares: how many workers live, what waits by state, what stands still.

    ``oldest_due`` is since how many seconds the oldest mail should have left. ``storage`` is null where everything can be
    stored; else what kept this process from it within the last minute.
    """

    workers: int
    storage: StorageTrouble | None
    outbox: dict[str, int]
    intake: dict[str, int]
    webhooks: dict[str, int]
    oldest_due: float
    circuits_open: int
    inboxes_failing: int
    quarantined: int
    stuck_inboxes: list[StuckInboxShown]


class DeploymentChangeShown(Shown):
    """One thing that an operator changed; ``operator`` is the name of the token, or the command line."""

    id: str
    at: datetime
    operator: str
    tenant_id: str | None
    subject: str
    field: str
    old: str
    new: str


@router.get("/health")
async def read_deployment_health(_operator: OperatorOf, workspace: WorkspaceOf) -> DeploymentHealth:
    """Say how the deployment fares, across all tenants; at most 100 inboxes are named."""
    moment, trouble = now(), workspace.store.trouble
    async with workspace.store.survey() as rows:
        backlog = await rows.backlog(moment)
        stuck = await rows.stuck_inboxes(due_before=moment - _PATIENCE, limit=100)
    return DeploymentHealth(
        workers=backlog.workers,
        storage=StorageTrouble.model_validate(trouble) if trouble else None,
        outbox=backlog.outbox,
        intake=backlog.intake,
        webhooks=backlog.webhooks,
        oldest_due=backlog.oldest_due,
        circuits_open=backlog.circuits_open,
        inboxes_failing=backlog.inboxes_failing,
        quarantined=backlog.quarantined,
        stuck_inboxes=[
            StuckInboxShown(
                tenant=one.tenant_id, inbox=one.inbox_id, due_since=one.due_since, failures=one.failures, code=one.code
            )
            for one in stuck
        ],
    )


@router.get("/plugins")
async def list_deployment_plugins(_operator: OperatorOf, workspace: WorkspaceOf) -> list[Plugin]:
    """List the plugins that were found, loaded or failed."""
    return [Plugin.of(report) for report in workspace.plugins.list()]


@router.post("/plugins/reload")
async def reload_deployment_plugins(operator: OperatorOf, workspace: WorkspaceOf) -> Reloaded:
    """Load plugins that were installed since; workers and other processes follow within seconds."""
    found = Reloaded.of(await workspace.plugins.reload())
    names = ", ".join(plugin.name for plugin in found.added)
    async with workspace.store.operate() as rows:
        await rows.add(operator.changed("plugins", "reloaded", "", names, now()))
    return found


@router.get("/changes")
async def list_deployment_changes(
    _operator: OperatorOf, workspace: WorkspaceOf, paging: PagingOf
) -> Page[DeploymentChangeShown]:
    """List what operators changed, the newest first."""
    with paging.asked():
        found = await workspace.tenants.changes(after=paging.after, limit=paging.limit)
    return paging.page(found, lambda row: [row.at, row.id], DeploymentChangeShown.model_validate)
