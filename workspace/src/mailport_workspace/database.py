"""Engines as each database wants them, and the migrations that ship with this package."""

from __future__ import annotations

from functools import partial
from importlib.resources import files
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from mailport_workspace.database_errors import database_errors
from mailport_workspace.engines.schema import prepare_engine
from mailport_workspace.walls import lower_walls, raise_walls

__all__ = ["WRITING", "make_engine", "migrate"]

WRITING = "mailport_writing"
"""The execution option of connections whose transactions write."""

_MIGRATION_LOCK = 5_208_377_163
_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000")


def make_engine(url: URL | str, *, foreign_keys: bool = True, **options: Any) -> AsyncEngine:
    """Return an engine; on SQLite with write-ahead log, and with writers that queue instead of failing."""
    engine = create_async_engine(url, hide_parameters=True, **options)  # errors must not repeat what was to be stored
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", partial(_prepare_sqlite, foreign_keys))
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


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


def _prepare_sqlite(foreign_keys: bool, connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would begin its own, deferred transactions
    cursor = connection.cursor()
    for pragma in (*_PRAGMAS, f"foreign_keys={'ON' if foreign_keys else 'OFF'}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once: a transaction that reads first and writes later fails, whatever the busy timeout."""
    writes = connection.get_execution_options().get(WRITING)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
