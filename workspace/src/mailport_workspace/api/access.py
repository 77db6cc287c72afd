"""Who calls: an API token as bearer, or a signed-in browser's cookie with its token against forged requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer

from mailport_workspace.access.caller import Caller, Scope
from mailport_workspace.access.credential import refused
from mailport_workspace.observing.context import working_on
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.workspace import Workspace

__all__ = ["COOKIE", "CallerOf", "Scope", "WorkspaceOf", "allowed", "cookie_name"]

COOKIE = "mailport"
CSRF_HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="An API token of the tenant.")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, scheme_name="session", description="The cookie of `POST /session`.")


async def workspace_of(request: Request) -> Workspace:
    """Return the workspace that the app serves."""
    workspace: Workspace = request.app.state.workspace
    return workspace


WorkspaceOf = Annotated[Workspace, Depends(workspace_of)]


def is_secure(request: Request) -> bool:
    """Whether the browser speaks https with us."""
    public: str = request.app.state.workspace.settings.public_url
    return request.url.scheme == "https" or public.startswith("https://")


def cookie_name(request: Request) -> str:
    """Return the name of the cookie; with its prefix no neighbour below the same domain can set it."""
    return f"__Host-{COOKIE}" if is_secure(request) else COOKIE


async def _caller(
    request: Request,
    workspace: WorkspaceOf,
    _token: Annotated[Any, Security(_bearer)],
    _session: Annotated[Any, Security(_cookie)],
) -> AsyncIterator[Caller]:
    caller = await _known(request, workspace)
    with working_on(tenant=caller.actor.tenant):
        yield caller


async def _known(request: Request, workspace: Workspace) -> Caller:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind:
        if kind.lower() != "bearer":
            raise refused()
        return await workspace.tokens.caller(token.strip())
    cookie = request.cookies.get(cookie_name(request), "")
    caller = await workspace.sign_ins.caller(cookie)
    if request.method not in _SAFE:
        workspace.sign_ins.check_csrf(cookie, request.headers.get(CSRF_HEADER, ""))
    return caller


CallerOf = Annotated[Caller, Depends(_caller)]


def allowed(scope: Scope) -> Any:
    """Return the dependency that gives the ``Actor`` of a call, and refuses one that lacks ``scope``.

    ``async def send(actor: Annotated[Actor, allowed(Scope.MAIL_SEND)]) -> ...``
    """

    async def actor(caller: CallerOf) -> Actor:
        caller.require(scope)
        return caller.actor

    return Depends(actor)
