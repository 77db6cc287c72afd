"""What the check-up finds in PostgreSQL: the walls between tenants, and its clock."""

from __future__ import annotations

from mailport_workspace.database import make_engine
from mailport_workspace.database.errors import database_errors
from mailport_workspace.database.walls import holes
from mailport_workspace.observing.finding import Finding
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tables import now
from mailport_workspace.workspace import Workspace

__all__ = ["check_clock", "check_walls"]

_SLOW, _WRONG = 2.0, 60.0


async def check_walls(settings: WorkspaceSettings) -> list[Finding]:
    """Say whether row-level security stands before the application's role."""
    engine = make_engine(settings.application_url)
    try:
        with database_errors():
            async with engine.connect() as connection:
                found = await connection.run_sync(holes)
    finally:
        await engine.dispose()
    if found.passes:
        said = f"The database role “{found.role}” passes the walls between tenants."
        return [
            Finding.warning("walls", said, "Let MAILPORT_DATABASE_URL name a role that is no superuser and has no BYPASSRLS.")
        ]
    if found.open_tables:
        said = f"No wall stands before {', '.join(found.open_tables)}."
        return [Finding.failed("walls", said, "Run mailport-workspace migrate as the owner of the tables.")]
    if settings.application_url.username == settings.operator_url.username:
        said = (
            "One database role does the work of tenants and of the operator: a fault in the code has one wall less before it."
        )
        return [Finding.warning("walls", said, "Give MAILPORT_OPERATOR_DATABASE_URL a role of its own, then migrate.")]
    return [Finding.ok("walls", "Row-level security stands before every table of tenants.")]


async def check_clock(workspace: Workspace) -> Finding:
    """Say how far this machine's clock is from the database's."""
    async with workspace.store.survey() as rows:
        apart = abs((await rows.clock() - now()).total_seconds())
    said = f"The clocks of this machine and of the database are {apart:.1f} s apart."
    if apart >= _WRONG:
        return Finding.failed("clock", said, "Set both by NTP: what is due is judged by the clock of whoever looks.")
    return Finding.warning("clock", said, "Set both by NTP.") if apart >= _SLOW else Finding.ok("clock", said)
