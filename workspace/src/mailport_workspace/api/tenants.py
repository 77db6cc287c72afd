"""The tenants of the deployment, for its operator: names and numbers, and nothing that belongs to a tenant."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from mailport_workspace.api.access import OperatorOf, WorkspaceOf
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.mail_shapes import Shown
from mailport_workspace.api.paging import Page, PagingOf
from mailport_workspace.api.shapes import Id, Input, Secret, Text
from mailport_workspace.queries.observing import TenantFigures
from mailport_workspace.tables import Tenant

__all__ = ["router"]

router = APIRouter(prefix="/tenants", tags=["operator"], responses=can_fail_with(401, 403))

Name = Annotated[Text, Field(min_length=1, max_length=200, examples=["Example Ltd"])]


class TenantForm(Input):
    """A tenant that is to be made."""

    name: Name


class TenantChange(Input):
    """What shall change; what is left out stays. While a tenant is disabled nobody comes in, and no mail comes or goes."""

    name: Name | None = None
    disabled: bool | None = None


class AdministratorForm(Input):
    """The first administrator of a tenant; without a password one is made."""

    email: Annotated[Text, Field(max_length=320, examples=["ann@example.org"])]
    name: Annotated[Text, Field(max_length=200, examples=["Ann"])] = ""
    password: Secret | None = None


class Administrator(BaseModel):
    """The user that was made, with the password where it was made as well; it is shown this once."""

    id: str
    email: str
    password: str | None = None


class FiguresOfTenant(Shown):
    """How a tenant fares: mails that wait to leave, to be processed, for a person; circuits and inboxes that stand still."""

    outgoing: int
    incoming: int
    held: int
    quarantined: int
    circuits_open: int
    inboxes_failing: int


class TenantShown(BaseModel):
    """A tenant, and how it fares."""

    id: str
    name: str
    created_at: datetime
    disabled_at: datetime | None
    figures: FiguresOfTenant

    @classmethod
    def of(cls, row: Tenant, figures: TenantFigures) -> TenantShown:
        """Return what the operator sees of a tenant."""
        shown = FiguresOfTenant.model_validate(figures)
        return cls(id=row.id, name=row.name, created_at=row.created_at, disabled_at=row.disabled_at, figures=shown)


@router.get("")
async def list_tenants(
    _operator: OperatorOf,
    workspace: WorkspaceOf,
    paging: PagingOf,
    text: Annotated[Text, Query(max_length=200, description="A part of the name.")] = "",
) -> Page[TenantShown]:
    """List the tenants by name."""
    with paging.asked():
        found, figures = await workspace.tenants.list(text=text, after=paging.after, limit=paging.limit)
    return paging.page(found, lambda row: [row.name], lambda row: TenantShown.of(row, figures[row.id]))


@router.post("", status_code=201)
async def create_tenant(
    form: TenantForm, request: Request, response: Response, operator: OperatorOf, workspace: WorkspaceOf
) -> TenantShown:
    """Make a tenant: an empty configuration, one disabled inbox, the first rows of the tabs, and no user."""
    tenant = await workspace.tenants.create(operator, form.name)
    response.headers["Location"] = request.url_for("read_tenant", tenant=tenant).path
    return TenantShown.of(*await workspace.tenants.read(tenant))


@router.get("/{tenant}", responses=can_fail_with(404))
async def read_tenant(tenant: Id, _operator: OperatorOf, workspace: WorkspaceOf) -> TenantShown:
    """Return one tenant."""
    return TenantShown.of(*await workspace.tenants.read(tenant))


@router.patch("/{tenant}", responses=can_fail_with(404))
async def change_tenant(tenant: Id, form: TenantChange, operator: OperatorOf, workspace: WorkspaceOf) -> TenantShown:
    """Rename a tenant, or switch it off or on; what it has stays, and waits."""
    await workspace.tenants.change(operator, tenant, name=form.name, disabled=form.disabled)
    return TenantShown.of(*await workspace.tenants.read(tenant))


@router.post("/{tenant}/administrators", status_code=201, responses=can_fail_with(404))
async def create_first_administrator(
    tenant: Id, form: AdministratorForm, operator: OperatorOf, workspace: WorkspaceOf
) -> Administrator:
    """Make the first administrator of a tenant, who makes all others: where there is one, this is refused (403)."""
    password = form.password.get_secret_value() if form.password else secrets.token_urlsafe(12)
    user = await workspace.tenants.make_administrator(operator, tenant, email=form.email, name=form.name, password=password)
    return Administrator(id=user, email=form.email, password=None if form.password else password)
