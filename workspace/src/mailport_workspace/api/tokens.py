"""API tokens of programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.shapes import Id, Input, Text
from mailport_workspace.tables import ApiToken
from mailport_workspace.tenants.actor import Actor

__all__ = ["router"]

router = APIRouter(prefix="/tokens", tags=["tokens"], responses=can_fail_with(401, 403))

Admin = Annotated[Actor, allowed(Scope.ADMIN)]


class TokenForm(Input):
    """A token that is wanted."""

    name: Annotated[Text, Field(min_length=1, max_length=200, examples=["ticket system"])]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=20)]
    expires_at: AwareDatetime | None = None


class Token(BaseModel):
    """A token: what it may do, and how long."""

    id: str
    name: str
    scopes: list[Scope]
    user: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewToken(Token):
    """A token with what the program sends; it is shown this once."""

    token: str


@router.get("")
async def list_tokens(actor: Admin, workspace: WorkspaceOf) -> list[Token]:
    """List the tokens of the tenant, also those that have ended."""
    return [Token.model_validate(_shown(row)) for row in await workspace.tokens.list(actor)]


@router.post("", status_code=201, responses=can_fail_with(409))
async def create_token(form: TokenForm, actor: Admin, workspace: WorkspaceOf) -> NewToken:
    """Make a token that acts for its maker, within its scopes."""
    row, token = await workspace.tokens.create(actor, name=form.name, scopes=form.scopes, expires_at=form.expires_at)
    return NewToken.model_validate(_shown(row) | {"token": token})


@router.delete("/{token}", status_code=204, responses=can_fail_with(404))
async def revoke_token(token: Id, actor: Admin, workspace: WorkspaceOf) -> None:
    """End a token for good."""
    await workspace.tokens.revoke(actor, token)


def _shown(row: ApiToken) -> dict[str, object]:
    return {
        "id": row.id,
        "name": row.name,
        "scopes": row.scopes,
        "user": row.user_id,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "last_used_at": row.last_used_at,
        "revoked_at": row.revoked_at,
    }
