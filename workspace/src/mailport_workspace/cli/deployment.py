"""What commands share: the settings of the environment, a workspace for one command, and the tenant that is named."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from pydantic import ValidationError

from mailport.errors import ConfigurationError, MailportError, NotFound, Problem
from mailport_workspace.database.schema import require_current
from mailport_workspace.observing.logs import set_up_logging
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.workspace import Workspace

__all__ = ["opened", "operator_of", "read_settings", "run_with_log", "within"]

Result = TypeVar("Result")


def read_settings() -> WorkspaceSettings:
    """Return the settings of the environment. Raises ``ConfigurationError`` that names every variable at fault."""
    try:
        return WorkspaceSettings()
    except ValidationError as error:
        problems = tuple(
            Problem(
                f"MAILPORT_{str(detail['loc'][0]).upper()}",
                "settings.invalid",
                f"{detail['msg']}.",
                "Correct the environment variable.",
            )
            for detail in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(
            " ".join(f"{problem.field}: {problem.message}" for problem in problems), problems=problems
        ) from error


def within(work: Callable[[Workspace], Awaitable[Result]]) -> Result:
    """Run ``work`` on the workspace of the environment, whose database must be of this release."""

    async def run() -> Result:
        async with opened(read_settings()) as workspace:
            return await work(workspace)

    return asyncio.run(run())


def run_with_log(settings: WorkspaceSettings, work: Coroutine[Any, Any, None]) -> None:
    """Run the work of a process that logs; a fault of ours stands in the log with the place in the code."""
    set_up_logging(settings.log_format, settings.log_level)
    try:
        asyncio.run(work)
    except (MailportError, KeyboardInterrupt):
        raise
    except Exception:
        logging.getLogger(__name__).exception("There is a fault in mailport or in a plugin.")
        raise


@asynccontextmanager
async def opened(settings: WorkspaceSettings) -> AsyncIterator[Workspace]:
    """Open the workspace of a database that is of this release."""
    await require_current(settings.operator_url)
    async with Workspace(settings) as workspace:
        yield workspace


async def operator_of(workspace: Workspace, tenant: str) -> Actor:
    """Return the operator, at work for the tenant of that name. Raises ``NotFound``."""
    async with workspace.store.survey() as rows:
        found = await rows.tenant_named(tenant)
        names = [known.name for known in await rows.tenants()] if found is None else []
    if found is None:
        said = f"Choose one of: {', '.join(names)}." if names else "Make one with mailport-workspace tenant add NAME."
        raise NotFound(f"There is no tenant “{tenant}”.", code="store.missing", field="tenant", remedy=said)
    return Actor.operator(found.id)
