"""The record store of a tenant that keeps its records in another system: the key by which that system knows us."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.tenants.actor import Actor

__all__ = ["router"]

router = APIRouter(prefix="/record-store", tags=["records"], responses=can_fail_with(401, 403))


class RecordStoreKey(BaseModel):
    """The key that signs our calls; it is shown this once."""

    signing_key: str


@router.post("/key", status_code=201)
async def renew_record_store_key(
    response: Response, actor: Annotated[Actor, allowed(Scope.CONFIGURATION_WRITE)], workspace: WorkspaceOf
) -> RecordStoreKey:
    """Make a key in place of the former one, which is worth nothing from now on."""
    response.headers["Cache-Control"] = "no-store"
    return RecordStoreKey(signing_key=await workspace.record_store_keys.renew(actor))
