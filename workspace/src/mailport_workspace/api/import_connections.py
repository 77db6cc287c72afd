"""Data import connections: the stylesheets by which records are made of exported mail."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.shapes import Id, Input, Text
from mailport_workspace.api.tabs import NewId
from mailport_workspace.tenants.actor import Actor

__all__ = ["router"]

router = APIRouter(prefix="/import-connections", tags=["import connections"], responses=can_fail_with(401, 403))

Reader = Annotated[Actor, allowed(Scope.CONFIGURATION_READ)]
Writer = Annotated[Actor, allowed(Scope.CONFIGURATION_WRITE)]
Name = Annotated[Text, Field(min_length=1, max_length=200, examples=["assets"])]
Stylesheet = Annotated[Text, Field(max_length=500_000, description="XSLT 1.0.")]


class ConnectionForm(Input):
    """A connection that is to be made."""

    name: Name
    stylesheet: Stylesheet


class ConnectionChange(Input):
    """What shall change; what is left out stays."""

    name: Name | None = None
    stylesheet: Stylesheet | None = None


class Connection(BaseModel):
    """A connection; inboxes name it."""

    id: str
    name: str
    stylesheet: str


@router.get("")
async def list_import_connections(actor: Reader, workspace: WorkspaceOf) -> list[Connection]:
    """List the connections by name."""
    return [Connection.model_validate(row) for row in await workspace.imports.list(actor)]


@router.post("", status_code=201, responses=can_fail_with(409))
async def add_import_connection(form: ConnectionForm, actor: Writer, workspace: WorkspaceOf) -> NewId:
    """Add a connection."""
    return NewId(id=await workspace.imports.add(actor, form.name, form.stylesheet))


@router.patch("/{connection}", status_code=204, responses=can_fail_with(404, 409))
async def change_import_connection(connection: Id, form: ConnectionChange, actor: Writer, workspace: WorkspaceOf) -> None:
    """Change a connection."""
    await workspace.imports.change(actor, connection, name=form.name, stylesheet=form.stylesheet)


@router.delete("/{connection}", status_code=204, responses=can_fail_with(404))
async def remove_import_connection(connection: Id, actor: Writer, workspace: WorkspaceOf) -> None:
    """Delete a connection."""
    await workspace.imports.remove(actor, connection)
