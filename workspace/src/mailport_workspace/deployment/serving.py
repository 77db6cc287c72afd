"""The processes of a deployment: the API, the worker, or on SQLite both in one. Each ends cleanly when it is asked to."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from mailport.errors import ConfigurationError
from mailport_workspace.api.app import PREFIX, create_app
from mailport_workspace.database import migrate
from mailport_workspace.database.schema import refuse_newer, require_current
from mailport_workspace.deployment.stopping import on_signal
from mailport_workspace.deployment.worker import Worker
from mailport_workspace.observing.exporter import PATH, Exporter
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.workspace import Workspace

__all__ = ["Server", "application_of", "bring_up_to_date", "listen", "metrics_of", "prepare", "run", "serve", "work"]

_log = logging.getLogger(__name__)

_FAREWELL = 10
"""Seconds that calls under way have to end when a server stops."""


class Server(uvicorn.Server):
    """Serves an application at a socket; the log goes our way, and signals are left to the process as a whole.

    Who calls, and by which scheme, is what one of the ``proxies`` says (X-Forwarded-For, X-Forwarded-Proto).
    """

    def __init__(self, app: ASGIApp, listening: socket.socket, *, proxies: Sequence[str] = ()) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_FAREWELL,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
        )
        super().__init__(config)
        self._listening = listening

    @property
    def url(self) -> str:
        """Where the server is reached."""
        host, port, *_ = self._listening.getsockname()
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        await super().serve([*(sockets or []), self._listening])


async def bring_up_to_date(settings: WorkspaceSettings) -> None:
    """Migrate the database. Raises ``ConfigurationError`` for one that a later release has migrated."""
    await refuse_newer(settings.owner_url)
    await migrate(settings.owner_url, application=settings.application_url, operator=settings.operator_url)


async def prepare(settings: WorkspaceSettings) -> None:
    """Migrate the embedded database; refuse another that is not of this release, because other processes may use it."""
    if settings.is_embedded:
        await bring_up_to_date(settings)
    else:
        await require_current(settings.operator_url)


async def serve(settings: WorkspaceSettings, *, host: str, port: int, works: bool) -> None:
    """Serve the API, and work where ``works``, until the process is asked to end."""
    await prepare(settings)
    async with Workspace(settings) as workspace:
        listening = listen(host, port, field="--port")
        server = Server(application_of(workspace), listening, proxies=settings.trusted_proxies)
        _log.info("The API is at %s%s.", server.url, PREFIX)
        await run(server, *metrics_of(workspace), worker=Worker(workspace) if works else None)


async def work(settings: WorkspaceSettings) -> None:
    """Work until the process is asked to end."""
    await prepare(settings)
    async with Workspace(settings) as workspace:
        await run(*metrics_of(workspace), worker=Worker(workspace))


async def run(*servers: Server, worker: Worker | None, until: asyncio.Future[None] | None = None) -> None:
    """Run until the process is asked to end, or one of them or ``until`` does; what is under way is finished or given back."""
    asked = asyncio.Event()
    with on_signal(asked.set):
        tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(asked.wait())]
        tasks += [asyncio.ensure_future(server.serve()) for server in servers]
        tasks += [asyncio.ensure_future(worker.run())] if worker else []
        tasks += [until] if until else []
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for server in servers:
            server.should_exit = True
        if worker:
            await worker.close()
        asked.set()
        if until:
            until.cancel()
        await asyncio.wait(tasks)  # all of them, also where one failed
    for task in tasks:
        if not task.cancelled():
            task.result()


def listen(host: str, port: int, *, field: str) -> socket.socket:
    """Return a socket at an address. Raises ``ConfigurationError`` that names ``field``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigurationError(
            f"Nobody can listen at {host}, port {port}: {os.strerror(error.errno) if error.errno else error}.",
            code="settings.listen",
            field=field,
            remedy="Choose another address or port, or stop the process that has it.",
        ) from error


def application_of(workspace: Workspace) -> ASGIApp:
    """Return the API, with ``/metrics`` beside it where a token alone opens them."""
    app: ASGIApp = create_app(workspace)
    token = workspace.settings.metrics_token
    if token is None or workspace.settings.metrics_port is not None:
        return app
    exporter = Exporter(workspace.store, token.get_secret_value())

    async def chosen(scope: Scope, receive: Receive, send: Send) -> None:
        is_metrics = scope["type"] == "http" and scope["path"] == PATH
        await (exporter if is_metrics else app)(scope, receive, send)

    return chosen


def metrics_of(workspace: Workspace) -> list[Server]:
    """Return the server of ``/metrics`` alone, where a port is set for it."""
    settings = workspace.settings
    if settings.metrics_port is None:
        return []
    token = settings.metrics_token.get_secret_value() if settings.metrics_token else None
    listening = listen(settings.metrics_host, settings.metrics_port, field="MAILPORT_METRICS_PORT")
    return [Server(Exporter(workspace.store, token), listening)]
