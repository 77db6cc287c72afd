"""Running the migrations that ship with this package."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from mailport_workspace.database.engine import WRITING, make_engine
from mailport_workspace.database.errors import database_errors
from mailport_workspace.database.walls import lower_walls, raise_walls
from mailport_workspace.engines.schema import prepare_engine

__all__ = ["migrate"]

_MIGRATION_LOCK = 5_208_377_163


async def migrate(
    owner: URL | str, *, application: URL | str | None = None, operator: URL | str | None = None, revision: str = "head"
) -> None:
    """Bring the database to ``revision``, and on PostgreSQL raise the walls between tenants.

    ``application`` and ``operator`` are the URLs by which others will connect; their roles get the rights they need.
    """
    engine = make_engine(owner, foreign_keys=False, poolclass=NullPool)  # batch mode drops a table that others refer to
    try:
        with database_errors():
            async with engine.execution_options(**{WRITING: True}).begin() as connection:
                await connection.run_sync(_upgrade, revision)
                if engine.dialect.name == "postgresql":
                    roles = [make_url(url or owner).username or "" for url in (application, operator)]
                    await connection.run_sync(raise_walls, *roles)
                    await connection.run_sync(prepare_engine, roles)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> None:
    """Run the migrations in one transaction, one process at a time."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        lower_walls(connection)
    config = Config()
    config.set_main_option("script_location", str(files("mailport_workspace") / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
