"""The mail configuration of a tenant."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel, Field, SecretStr

from mailport.fields import ComponentType
from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import below, can_fail_with
from mailport_workspace.api.shapes import Form, Input, Text
from mailport_workspace.api.versions import Expected, merged, tag
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.workspace import Workspace

__all__ = ["router"]

router = APIRouter(prefix="/configuration", tags=["configuration"], responses=can_fail_with(401, 403))

Reader = Annotated[Actor, allowed(Scope.CONFIGURATION_READ)]
Writer = Annotated[Actor, allowed(Scope.CONFIGURATION_WRITE)]
Settings = Annotated[
    Form,
    Body(
        description="Fields as in the form of the protocol; a secret that is left out or masked stays.",
        examples=[{"protocol": "…", "host": "mail.example.org", "user_name": "desk@example.org", "password": "…"}],
    ),
]
_CHANGES = can_fail_with(409, 412, 428)


class AffectedInbox(BaseModel):
    """What another component type means for an inbox: ``allowed`` are the authentications it could have then."""

    id: str
    name: str
    enabled: bool
    fits: bool
    allowed: list[str]


class ImportForm(Input):
    """A document as exported, and the secrets that its ``secrets_needed`` names."""

    document: Form
    secrets: dict[Text, SecretStr] = Field(default_factory=dict)


@router.get("")
async def read_configuration(response: Response, actor: Reader, workspace: WorkspaceOf) -> dict[str, Any]:
    """Return every field that is stored, secrets masked."""
    return await _shown(workspace, actor, response)


@router.put("", responses=_CHANGES)
async def replace_configuration(
    form: Settings, expected: Expected, response: Response, actor: Writer, workspace: WorkspaceOf
) -> dict[str, Any]:
    """Store a form. Rules that it does not name stay; another component type disables the inboxes of the tenant."""
    await workspace.configurations.save(actor, form, expected=expected)
    return await _shown(workspace, actor, response)


@router.patch("", responses=_CHANGES)
async def change_configuration(
    patch: Settings, expected: Expected, response: Response, actor: Writer, workspace: WorkspaceOf
) -> dict[str, Any]:
    """Change some fields (a merge patch: null takes a field away)."""
    shown, version = await workspace.configurations.read_version(actor)
    await workspace.configurations.save(actor, merged(shown, patch), expected=version if expected is None else expected)
    return await _shown(workspace, actor, response)


@router.get("/affected-inboxes")
async def list_affected_inboxes(
    component: Annotated[ComponentType, Query()], actor: Reader, workspace: WorkspaceOf
) -> list[AffectedInbox]:
    """Say, before it is saved, what another component type means for each inbox."""
    affected = await workspace.configurations.affected_inboxes(actor, component)
    return [AffectedInbox.model_validate(inbox, from_attributes=True) for inbox in affected]


@router.get("/export")
async def export_configuration(actor: Reader, workspace: WorkspaceOf) -> dict[str, Any]:
    """Return configuration, inboxes and tabs as a document without secrets; `secrets_needed` names what is missing."""
    return await workspace.transfer.export(actor)


@router.post("/import", status_code=204, responses=can_fail_with(409))
async def import_configuration(form: ImportForm, actor: Writer, workspace: WorkspaceOf) -> None:
    """Put a document into the tenant, all of it or nothing; its inboxes come disabled."""
    secrets = {name: secret.get_secret_value() for name, secret in form.secrets.items()}
    needed = form.document.get("secrets_needed")
    with below(lambda field: ["secrets" if isinstance(needed, list) and field in needed else "document", field]):
        await workspace.transfer.import_(actor, form.document, secrets)


@router.get("/options")
async def read_options(actor: Reader, workspace: WorkspaceOf) -> dict[str, Any]:
    """Return the settings of the tenant that belong to no account."""
    return await workspace.options.read(actor)


@router.patch("/options")
async def change_options(
    form: Annotated[Form, Body(examples=[{"incident_on_failure": False}])], actor: Writer, workspace: WorkspaceOf
) -> dict[str, Any]:
    """Change some of these settings."""
    await workspace.options.save(actor, form)
    return await workspace.options.read(actor)


async def _shown(workspace: Workspace, actor: Actor, response: Response) -> dict[str, Any]:
    shown, version = await workspace.configurations.read_version(actor)
    tag(response, version)
    return shown
