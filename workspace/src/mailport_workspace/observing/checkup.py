"""The check-up of a deployment: machine, database, tenants, one finding after the other, each with a remedy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from mailport.errors import MailportError
from mailport_workspace.database.schema import require_current
from mailport_workspace.engines.choosing import engine_of
from mailport_workspace.observing.finding import Finding, FindingState
from mailport_workspace.observing.machine import check_disks, check_egress, check_keys
from mailport_workspace.observing.walls_check import check_clock, check_walls
from mailport_workspace.observing.work_check import check_accounts, check_inboxes, check_secrets, check_workers
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.workspace import Workspace

__all__ = ["Finding", "FindingState", "check_up"]


_NEEDED = frozenset({"database", "engine", "keys", "schema"})
"""What must be well before a look at the rows makes sense."""


async def check_up(settings: WorkspaceSettings) -> list[Finding]:
    """Look at everything, as far as it can be reached."""
    findings = [*_of_machine(settings)]
    reached = await _reach(settings)
    findings.append(reached)
    if all(finding.state is not FindingState.FAILED for finding in findings if finding.name in _NEEDED):
        findings += [finding async for finding in _of_database(settings)]
    return findings


def _of_machine(settings: WorkspaceSettings) -> Iterator[Finding]:
    yield Finding.ok("settings", "The settings are valid.")
    yield check_keys(settings)
    yield _engine(settings)
    yield from _plugins(settings)
    yield from check_egress(settings)
    yield from check_disks(settings)


async def _reach(settings: WorkspaceSettings) -> Finding:
    try:
        for url in {settings.application_url, settings.operator_url}:
            await require_current(url)
    except MailportError as error:
        is_there = error.code in ("store.unmigrated", "store.newer")
        return Finding.of_error("schema" if is_there else "database", error)
    return Finding.ok("database", "The database answers, and its tables are those of this release.")


async def _of_database(settings: WorkspaceSettings) -> AsyncIterator[Finding]:
    if not settings.is_embedded:
        for finding in await check_walls(settings):
            yield finding
    async with Workspace(settings) as workspace:
        if not settings.is_embedded:
            yield await check_clock(workspace)
        for check in (check_secrets, check_workers, check_inboxes, check_accounts):
            for finding in await check(workspace):
                yield finding


def _engine(settings: WorkspaceSettings) -> Finding:
    try:
        return Finding.ok("engine", f"Jobs are run by {type(engine_of(settings)).__name__}.")
    except MailportError as error:
        return Finding.of_error("engine", error)


def _plugins(settings: WorkspaceSettings) -> Iterator[Finding]:
    host = settings.mailport()
    for report in (report for report in host.plugins() if report.error):
        said = f"{report.label} is not loaded: {report.error}"
        yield Finding.failed("plugins", said, "Install it again, or uninstall it.")
    titles = ", ".join(protocol.title for protocol in host.protocols())
    if titles:
        yield Finding.ok("plugins", f"Protocols: {titles}.")
    else:
        yield Finding.failed("plugins", "No protocol is installed: no mail can be sent or read.", "Install the plugin of one.")
