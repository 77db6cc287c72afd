"""The installed protocols, and their forms as data."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from mailport import forms
from mailport.errors import ConfigurationError, NotFound
from mailport.fields import ComponentType, Direction, ProtocolFields
from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.workspace import Workspace

__all__ = ["router"]

router = APIRouter(prefix="/protocols", tags=["protocols"], responses=can_fail_with(401, 403))

Reader = Annotated[Actor, allowed(Scope.CONFIGURATION_READ)]
Key = Annotated[str, Path(max_length=100)]


class Protocol(BaseModel):
    """A protocol: ``options`` are the authentications of each direction, the default first."""

    key: str
    title: str
    options: dict[Direction, list[str]]
    folders: bool
    mark_read: bool
    lookup: bool
    push: bool
    local: bool


class Form(BaseModel):
    """The form of an account: ``json_schema`` for libraries that draw one, ``fields`` in order for hosts."""

    protocol: str
    direction: Direction
    json_schema: dict[str, Any]
    fields: list[dict[str, Any]]


@router.get("")
async def list_protocols(_actor: Reader, workspace: WorkspaceOf) -> list[Protocol]:
    """List the installed protocols, by title."""
    return [_shown(protocol) for protocol in workspace.mailport.protocols()]


@router.get("/{key}", responses=can_fail_with(404))
async def read_protocol(key: Key, _actor: Reader, workspace: WorkspaceOf) -> Protocol:
    """Return one protocol."""
    return _shown(_protocol(workspace, key))


@router.get("/{key}/form", responses=can_fail_with(404))
async def read_form(
    key: Key,
    _actor: Reader,
    workspace: WorkspaceOf,
    direction: Annotated[Direction, Query()] = Direction.OUTGOING,
    component: Annotated[ComponentType | None, Query(description="Only options that fit this component type.")] = None,
) -> Form:
    """Return the form of an account as data."""
    protocol = _protocol(workspace, key)
    schema = forms.json_schema(protocol, direction, component)
    return Form(protocol=key, direction=direction, json_schema=schema, fields=forms.form_fields(protocol, direction, component))


def _protocol(workspace: Workspace, key: str) -> ProtocolFields:
    try:
        return workspace.mailport.protocol(key)
    except ConfigurationError as error:
        raise NotFound(error.message, code="store.missing", remedy=error.remedy) from error


def _shown(protocol: ProtocolFields) -> Protocol:
    can = protocol.capabilities
    return Protocol(
        key=protocol.key,
        title=protocol.title,
        options={direction: list(protocol.options(direction)) for direction in protocol.directions},
        folders=can.folders,
        mark_read=can.mark_read,
        lookup=can.lookup,
        push=can.push,
        local=can.local,
    )
