"""The audit history: who changed what, when, from what to what; secrets are masked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.mail_shapes import Shown
from mailport_workspace.api.paging import Page, PagingOf
from mailport_workspace.queries.overview import AuditFilter
from mailport_workspace.tenants.actor import Actor

__all__ = ["router"]

router = APIRouter(prefix="/audit", tags=["audit"], responses=can_fail_with(401, 403))

Reader = Annotated[Actor, allowed(Scope.CONFIGURATION_READ)]


class Change(Shown):
    """One changed field."""

    id: str
    at: datetime
    user_id: str
    user_name: str
    subject: str
    field: str
    old: str
    new: str


@router.get("")
async def list_changes(
    actor: Reader, workspace: WorkspaceOf, paging: PagingOf, wanted: Annotated[AuditFilter, Query()]
) -> Page[Change]:
    """List changes, the newest first."""
    with paging.asked():
        async with workspace.store.read(actor.tenant) as rows:
            found = await rows.audit_page(wanted, after=paging.after, limit=paging.limit)
    return paging.page(found, lambda row: [row.at, row.id], Change.model_validate)
