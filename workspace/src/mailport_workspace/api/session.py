"""Sign-in of people: a cookie that scripts cannot read, and a token without which the cookie changes nothing (SEC-06)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from mailport_workspace.access.caller import Caller, Scope
from mailport_workspace.access.credential import Credential
from mailport_workspace.access.sign_ins import LASTS
from mailport_workspace.api.access import CallerOf, WorkspaceOf, cookie_name, is_secure
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.shapes import Input, Secret, Text
from mailport_workspace.tables import Role
from mailport_workspace.workspace import Workspace

__all__ = ["address_of", "give_cookie", "router"]

router = APIRouter(prefix="/session", tags=["session"])


class SignInForm(Input):
    """Who signs in: ``tenant`` is its name."""

    tenant: Annotated[Text, Field(max_length=200, examples=["Example Ltd"])]
    email: Annotated[Text, Field(max_length=320, examples=["ann@example.org"])]
    password: Secret


class PasswordForm(Input):
    """A new password for oneself."""

    current: Secret
    new: Secret


class Session(BaseModel):
    """Who calls. ``csrf_token`` goes into the header X-CSRF-Token of every call that changes something; tokens have none."""

    tenant: str
    user: str
    name: str
    role: Role
    scopes: list[Scope]
    csrf_token: str | None = None


@router.post("", status_code=201, responses=can_fail_with(401, 429))
async def sign_in(form: SignInForm, request: Request, response: Response, workspace: WorkspaceOf) -> Session:
    """Sign in with e-mail address and password; the answer sets the cookie."""
    password = form.password.get_secret_value()
    credential = await workspace.sign_ins.sign_in(form.tenant, form.email, password, address=address_of(request))
    return await _begun(workspace, request, response, credential)


@router.get("", responses=can_fail_with(401))
async def read_session(request: Request, caller: CallerOf) -> Session:
    """Say who calls, and what the call may do."""
    return _shown(caller, Credential.parse(request.cookies[cookie_name(request)]) if caller.sign_in else None)


@router.delete("", status_code=204, responses=can_fail_with(401, 403))
async def sign_out(request: Request, response: Response, caller: CallerOf, workspace: WorkspaceOf) -> None:
    """End the session of this browser."""
    await workspace.sign_ins.end(caller)
    response.delete_cookie(cookie_name(request), secure=is_secure(request), httponly=True, samesite="lax")


@router.put("/password", responses=can_fail_with(401, 403, 404, 429))
async def change_own_password(
    form: PasswordForm, request: Request, response: Response, caller: CallerOf, workspace: WorkspaceOf
) -> Session:
    """Set one's own password; every other browser is signed out, and this one has a new session."""
    current, new = form.current.get_secret_value(), form.new.get_secret_value()
    credential = await workspace.sign_ins.change_password(caller.actor, current, new, address=address_of(request))
    return await _begun(workspace, request, response, credential)


async def _begun(workspace: Workspace, request: Request, response: Response, credential: Credential) -> Session:
    give_cookie(request, response, credential)
    return _shown(await workspace.sign_ins.caller(credential.text), credential)


def give_cookie(request: Request, response: Response, credential: Credential) -> None:
    """Let the browser keep a credential: scripts cannot read it, and other sites cannot make it be sent with a form."""
    response.set_cookie(
        cookie_name(request),
        credential.text,
        max_age=int(LASTS.total_seconds()),
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def _shown(caller: Caller, credential: Credential | None) -> Session:
    actor = caller.actor
    return Session(
        tenant=actor.tenant,
        user=actor.user,
        name=actor.name,
        role=actor.role,
        scopes=sorted(caller.scopes),
        csrf_token=credential.csrf if credential else None,
    )


def address_of(request: Request) -> str:
    """Return from where a request comes; empty where nobody knows."""
    return request.client.host if request.client else ""
