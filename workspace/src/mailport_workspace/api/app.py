"""The application: every resource under its version, and what surrounds them. Start reading here."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.routing import APIRoute

from mailport_workspace.api import (
    configuration,
    connection_tests,
    errors,
    inboxes,
    journal,
    plugins,
    protocols,
    session,
    tokens,
    users,
)
from mailport_workspace.api.boundary import Boundary, only_json
from mailport_workspace.api.document import Application
from mailport_workspace.workspace import Workspace

__all__ = ["PREFIX", "create_app"]

PREFIX = "/api/v1"
LARGEST_BODY = 1024 * 1024
"""Bytes of a request, unless its route says otherwise (``max_body_size``)."""

ROUTERS: Sequence[APIRouter] = (
    session.router,
    users.router,
    tokens.router,
    protocols.router,
    configuration.router,
    inboxes.router,
    plugins.router,
    connection_tests.router,
    journal.router,
)
_ALWAYS = errors.can_fail_with(400, 413, 415, 422, 503)


def create_app(workspace: Workspace) -> FastAPI:
    """Return the application that serves ``workspace``; who made the workspace also closes it, after the application."""
    app = Application(
        title="mailport workspace",
        version=version("mailport-workspace"),
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        max_body_size=LARGEST_BODY,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.workspace = workspace
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX, dependencies=[Depends(only_json)], responses=_ALWAYS)
    errors.install(app)
    app.add_exception_handler(405, _of_method)
    app.add_middleware(Boundary)
    return app


async def _of_method(request: Request, _error: Exception) -> Response:
    """Say which methods there are; OPTIONS asks for nothing else."""
    methods = sorted(_methods(request.url.path.removeprefix(PREFIX)) | {"OPTIONS"})
    allow = {"Allow": ", ".join(methods)}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=allow)
    return errors.problem(405, "http.method_not_allowed", headers=allow)


def _methods(path: str) -> set[str]:
    routes = (route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute))
    found = {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}
    return found | ({"HEAD"} if "GET" in found else set())
