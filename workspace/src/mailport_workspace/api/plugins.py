"""The plugins of the deployment."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel

from mailport.registry import PluginReport
from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.tenants.actor import Actor

__all__ = ["router"]

router = APIRouter(prefix="/plugins", tags=["plugins"], responses=can_fail_with(401, 403))


class Plugin(BaseModel):
    """A plugin that was found: with its protocols, or with the ``error`` that kept it from being loaded."""

    name: str
    distribution: str
    version: str
    protocols: list[str]
    error: dict[str, Any] | None = None


class Reloaded(BaseModel):
    """What a reload found: new plugins, and those that are gone and stay active until a restart."""

    added: list[Plugin]
    removed: list[Plugin]


@router.get("")
async def list_plugins(_actor: Annotated[Actor, allowed(Scope.CONFIGURATION_READ)], workspace: WorkspaceOf) -> list[Plugin]:
    """List the plugins that were found, loaded or failed."""
    return [_shown(report) for report in workspace.plugins.list()]


@router.post("/reload")
async def reload_plugins(_actor: Annotated[Actor, allowed(Scope.ADMIN)], workspace: WorkspaceOf) -> Reloaded:
    """Load plugins that were installed since; workers and other processes follow within seconds."""
    found = await workspace.plugins.reload()
    return Reloaded(added=[_shown(report) for report in found.added], removed=[_shown(report) for report in found.removed])


def _shown(report: PluginReport) -> Plugin:
    return Plugin(
        name=report.name,
        distribution=report.distribution,
        version=report.version,
        protocols=list(report.protocols),
        error=report.error.as_dict() if report.error else None,
    )
