"""The application: every resource under its version, and what surrounds them. Start reading here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware

from mailport.errors import MailportError
from mailport_workspace.api import (
    audit,
    configuration,
    connection_tests,
    errors,
    health,
    import_connections,
    inboxes,
    incoming_rules,
    journal,
    mail,
    openid,
    outbox,
    people,
    plugins,
    protocols,
    quarantine,
    queues,
    record_store,
    record_types,
    records,
    session,
    tabs,
    tokens,
    users,
    webhooks,
)
from mailport_workspace.api.boundary import Boundary, only_json
from mailport_workspace.api.document import Application
from mailport_workspace.deployment.plugins import Plugins
from mailport_workspace.workspace import Workspace

__all__ = ["PREFIX", "create_app"]

PREFIX = "/api/v1"
LARGEST_BODY = 1024 * 1024
"""Bytes of a request, unless its route says otherwise (``max_body_size``)."""

FOLLOW = 5.0
"""Seconds between two looks for what other processes say."""

ROUTERS: Sequence[APIRouter] = (
    session.router,
    openid.router,
    users.router,
    tokens.router,
    protocols.router,
    configuration.router,
    inboxes.router,
    tabs.router,
    incoming_rules.router,
    import_connections.router,
    plugins.router,
    connection_tests.router,
    mail.router,
    journal.router,
    outbox.router,
    quarantine.router,
    queues.router,
    records.router,
    record_types.router,
    record_store.router,
    people.router,
    webhooks.router,
    audit.router,
    health.router,
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
        lifespan=_lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.workspace = workspace
    for router in ROUTERS:
        app.include_router(
            router, prefix=PREFIX, dependencies=[Depends(only_json)], responses=_ALWAYS, max_body_size=LARGEST_BODY
        )
    app.include_router(health.probes)
    errors.install(app)
    app.add_exception_handler(405, _of_method)
    if workspace.settings.cors_origins:
        _open_to(app, workspace.settings.cors_origins)
    app.add_middleware(Boundary)
    return app


def _open_to(app: FastAPI, origins: Sequence[str]) -> None:
    """Let scripts of other web sites call with a token; a cookie is never sent along."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "If-Match", "Idempotency-Key"],
        expose_headers=["ETag", "Location", "Retry-After", "X-Request-ID"],
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Follow what other processes say about plugins, as long as the application serves."""
    following = asyncio.create_task(_follow(app.state.workspace.plugins), name="follow the plugins")
    yield
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


async def _follow(plugins: Plugins) -> None:
    while True:
        with suppress(MailportError):  # the database is away: the next look may find it
            await plugins.follow()
        await asyncio.sleep(FOLLOW)


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
