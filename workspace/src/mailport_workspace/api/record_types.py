"""The types of records: built-in ones, what a tenant adds to them, and its own; and the texts that people fill in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import below, can_fail_with
from mailport_workspace.api.record_shapes import Template, TypeShown
from mailport_workspace.api.records import Reader
from mailport_workspace.tenants.actor import Actor

__all__ = ["router"]

router = APIRouter(prefix="/record-types", tags=["records"], responses=can_fail_with(401, 403))

Writer = Annotated[Actor, allowed(Scope.CONFIGURATION_WRITE)]
Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,59}$", examples=["incident"])]
Definition = Annotated[
    dict[str, Any],
    Body(
        description="The type as the list shows it; of a built-in one only what is added: fields, states, label.",
        examples=[{"label": "Laptop", "prefix": "LAP", "fields": [{"name": "owner", "label": "Owner", "mandatory": True}]}],
    ),
]


@router.get("")
async def list_record_types(actor: Reader, workspace: WorkspaceOf) -> list[TypeShown]:
    """List the types by name."""
    return [TypeShown.of(view) for view in await workspace.record_types.list(actor)]


@router.put("/{name}", responses=can_fail_with(409))
async def save_record_type(name: Name, definition: Definition, actor: Writer, workspace: WorkspaceOf) -> TypeShown:
    """Define a type, or extend a built-in one."""
    with below(_place):
        return TypeShown.of(await workspace.record_types.save(actor, name, definition))


@router.delete("/{name}", status_code=204, responses=can_fail_with(404, 409))
async def remove_record_type(name: Name, actor: Writer, workspace: WorkspaceOf) -> None:
    """Remove a type without records, or make a built-in one what it was."""
    await workspace.record_types.remove(actor, name)


@router.get("/{name}/template", responses=can_fail_with(404))
async def read_template(
    name: Name,
    actor: Reader,
    workspace: WorkspaceOf,
    inbox: Annotated[str, Query(pattern="^[0-9a-f]{32}$", description="Whose separators are used.")] | None = None,
    records: Annotated[int, Query(ge=1, le=100, description="For how many records.")] = 1,
) -> Template:
    """Return a text to fill in: the tenant's own, or the mandatory fields of a type with the separators of an inbox."""
    return Template(text=await workspace.templates.produce(actor, name, inbox=inbox or "", records=records))


def _place(field: str) -> Sequence[str]:
    """Return where a field stands: the service names a field of a field as ``fields/0/name``."""
    return field.split("/")
