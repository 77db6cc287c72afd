"""Sign-in of people with OpenID Connect, where the operator named a provider."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from mailport_workspace.access.openid import LASTS
from mailport_workspace.api.access import WorkspaceOf, is_secure
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.session import address_of, give_cookie

__all__ = ["router"]

router = APIRouter(prefix="/session/openid", tags=["session"], responses=can_fail_with(401, 404, 429))

_COOKIE = "mailport_openid"
_PATH = "/api/v1/session/openid"


@router.get("", status_code=303, response_class=RedirectResponse)
async def begin_openid(request: Request, workspace: WorkspaceOf) -> RedirectResponse:
    """Send the browser to the provider."""
    base = workspace.settings.public_url or str(request.base_url).rstrip("/")
    url, sealed = await workspace.openid.begin(f"{base}{_PATH}/callback", address=address_of(request))
    answer = RedirectResponse(url, 303)
    seconds = int(LASTS.total_seconds())
    secure = is_secure(request)
    answer.set_cookie(_COOKIE, sealed, max_age=seconds, path=_PATH, secure=secure, httponly=True, samesite="lax")
    return answer


@router.get("/callback", status_code=303, response_class=RedirectResponse)
async def finish_openid(
    request: Request,
    workspace: WorkspaceOf,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=5000)] = "",
) -> RedirectResponse:
    """Take the browser back, signed in."""
    brought, address = request.cookies.get(_COOKIE, ""), address_of(request)
    credential = await workspace.openid.finish(brought, state=state, code=code, address=address)
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(_COOKIE, path=_PATH, secure=is_secure(request), httponly=True, samesite="lax")
    give_cookie(request, answer, credential)
    return answer
