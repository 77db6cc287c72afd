"""Running the demonstration: the workspace, its worker and its mail server in one process, until Ctrl-C or for one story."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from mailport_workspace.api.app import PREFIX
from mailport_workspace.demo.listener import listening
from mailport_workspace.demo.sample import INBOX, Sample, poll_now, prepare_sample
from mailport_workspace.deployment.serving import Server, application_of, bring_up_to_date, listen, run
from mailport_workspace.deployment.worker import Worker
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.workspace import Workspace

__all__ = ["HOST", "Demo", "demonstrate"]

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What runs, and where: ``api`` is a URL, ``mail`` the folder of the Maildirs."""

    workspace: Workspace
    sample: Sample
    api: str
    smtp_port: int
    mail: Path


async def demonstrate(folder: Path, *, port: int, smtp_port: int, beside: Callable[[Demo], Awaitable[None]]) -> None:
    """Run until the process is asked to end; ``beside`` runs meanwhile, and where it ends, everything does.

    Everything lies below ``folder``. Raises ``ConfigurationError`` for a port that is taken or a folder that cannot be written.
    """
    settings = _settings(folder)
    await bring_up_to_date(settings)
    web, smtp = listen(HOST, port, field="--port"), listen(HOST, smtp_port, field="--smtp-port")
    async with Workspace(settings) as workspace:
        sample = await prepare_sample(workspace, folder)
        server = Server(application_of(workspace), web)
        demo = Demo(
            workspace=workspace,
            sample=sample,
            api=f"{server.url}{PREFIX}",
            smtp_port=smtp.getsockname()[1],
            mail=folder / "mail",
        )
        async with listening(smtp, demo.mail / INBOX, lambda: poll_now(workspace, sample)), _story(beside(demo)) as story:
            await run(server, worker=Worker(workspace), until=story)


def _settings(folder: Path) -> WorkspaceSettings:
    (folder / "mail").mkdir(parents=True, exist_ok=True)
    return WorkspaceSettings(
        database_url=SecretStr(f"sqlite+aiosqlite:///{folder.absolute()}/mailport.db"),
        operator_database_url=None,
        owner_database_url=None,
        keys=None,
        key_file=folder / "mailport.keys",
        local_root=folder / "mail",
        engine="local",
        egress_allowed=("127.0.0.0/8", "::1"),
    )


@asynccontextmanager
async def _story(told: Awaitable[None]) -> AsyncIterator[asyncio.Future[None]]:
    story = asyncio.ensure_future(told)
    try:
        yield story
    finally:
        story.cancel()
        with suppress(asyncio.CancelledError):
            await story
