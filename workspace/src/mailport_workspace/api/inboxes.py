"""The inboxes of a tenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from fastapi.responses import PlainTextResponse

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.shapes import Form, Id, Text
from mailport_workspace.api.versions import Expected, merged, tag
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.handling import Handling
from mailport_workspace.workspace import Workspace

__all__ = ["router"]

router = APIRouter(prefix="/inboxes", tags=["inboxes"], responses=can_fail_with(401, 403))

Reader = Annotated[Actor, allowed(Scope.CONFIGURATION_READ)]
Writer = Annotated[Actor, allowed(Scope.CONFIGURATION_WRITE)]
Settings = Annotated[
    Form,
    Body(
        description="What is done with the mail, and the fields of the protocol; a secret that is left out or masked stays.",
        examples=[{"name": "Desk", "address": "desk@example.org", "processor": "incident", "enabled": False}],
    ),
]
_CHANGES = can_fail_with(404, 409, 412, 428)


@router.get("")
async def list_inboxes(actor: Reader, workspace: WorkspaceOf) -> list[dict[str, Any]]:
    """List the inboxes by name, secrets masked."""
    return list(await workspace.inboxes.list(actor))


@router.post("", status_code=201, responses=can_fail_with(409))
async def create_inbox(form: Settings, response: Response, actor: Writer, workspace: WorkspaceOf) -> dict[str, Any]:
    """Make an inbox."""
    return await _shown(workspace, actor, await workspace.inboxes.create(actor, form), response)


@router.get("/{inbox}", responses=can_fail_with(404))
async def read_inbox(inbox: Id, response: Response, actor: Reader, workspace: WorkspaceOf) -> dict[str, Any]:
    """Return one inbox, secrets masked."""
    return await _shown(workspace, actor, inbox, response)


@router.put("/{inbox}", responses=_CHANGES)
async def replace_inbox(
    inbox: Id, form: Settings, *, expected: Expected, response: Response, actor: Writer, workspace: WorkspaceOf
) -> dict[str, Any]:
    """Store a form. What it does not say of handling the mail stays, and so does the account without a protocol."""
    await workspace.inboxes.save(actor, inbox, form, expected=expected)
    return await _shown(workspace, actor, inbox, response)


@router.patch("/{inbox}", responses=_CHANGES)
async def change_inbox(
    inbox: Id, patch: Settings, *, expected: Expected, response: Response, actor: Writer, workspace: WorkspaceOf
) -> dict[str, Any]:
    """Change some fields (a merge patch: null takes a field away)."""
    shown, version = await workspace.inboxes.read_version(actor, inbox)
    form = _patched(shown, patch)
    await workspace.inboxes.save(actor, inbox, form, expected=version if expected is None else expected)
    return await _shown(workspace, actor, inbox, response)


@router.post("/{inbox}/enable", responses=can_fail_with(404))
async def enable_inbox(inbox: Id, response: Response, actor: Writer, workspace: WorkspaceOf) -> dict[str, Any]:
    """Let an inbox be read from the next poll on."""
    await workspace.inboxes.save(actor, inbox, {"enabled": True})
    return await _shown(workspace, actor, inbox, response)


@router.post("/{inbox}/disable", responses=can_fail_with(404))
async def disable_inbox(inbox: Id, response: Response, actor: Writer, workspace: WorkspaceOf) -> dict[str, Any]:
    """Let an inbox be read no more."""
    await workspace.inboxes.save(actor, inbox, {"enabled": False})
    return await _shown(workspace, actor, inbox, response)


@router.delete("/{inbox}", status_code=204, responses=can_fail_with(404))
async def remove_inbox(inbox: Id, actor: Writer, workspace: WorkspaceOf) -> None:
    """Delete an inbox; the history of its mail stays."""
    await workspace.inboxes.remove(actor, inbox)


@router.get(
    "/{inbox}/template",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {}}, "description": "The template."}, **can_fail_with(404)},
)
async def produce_template(
    inbox: Id,
    actor: Reader,
    workspace: WorkspaceOf,
    record_type: Annotated[Text, Query(max_length=100, examples=["incident"])],
    records: Annotated[int, Query(ge=1, le=50, description="How many records it takes.")] = 1,
) -> PlainTextResponse:
    """Return a template that people fill in: the mandatory fields of a type of record, with the separators of the inbox."""
    return PlainTextResponse(await workspace.templates.produce(actor, record_type, inbox=inbox, records=records))


def _patched(shown: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form of a patch; one that touches no field of the account goes through without its plugin as well."""
    if patch.keys() <= Handling.model_fields.keys():
        return dict(patch)
    return merged({name: value for name, value in shown.items() if name != "id"}, patch)


async def _shown(workspace: Workspace, actor: Actor, inbox: str, response: Response) -> dict[str, Any]:
    shown, version = await workspace.inboxes.read_version(actor, inbox)
    tag(response, version)
    return shown
