"""Whether the tables are those of this release: too old, too new, or just right."""

from __future__ import annotations

from enum import StrEnum
from importlib.resources import files
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from mailport.errors import ConfigurationError
from mailport_workspace.database.engine import make_engine
from mailport_workspace.database.errors import database_errors

__all__ = ["Schema", "refuse_newer", "require_current", "schema_of"]


class Schema(StrEnum):
    """How the tables of a database relate to this release."""

    EMPTY = "empty"
    BEHIND = "behind"
    CURRENT = "current"
    NEWER = "newer"
    """Made by a later release, of which this one does not know what it means."""


async def schema_of(url: URL) -> Schema:
    """Look at a database, and make none. Raises ``Unreachable``."""
    if _is_no_file_yet(url):
        return Schema.EMPTY
    engine = make_engine(url, poolclass=NullPool)
    try:
        with database_errors():
            async with engine.connect() as connection:
                return await connection.run_sync(_compare)
    finally:
        await engine.dispose()


async def require_current(url: URL) -> None:
    """Refuse a database that is not migrated to this very release. Raises ``ConfigurationError``."""
    found = await schema_of(url)
    _refuse_newer(found)
    _refuse_missing(url)
    if found is not Schema.CURRENT:
        raise ConfigurationError(
            "The database has no tables yet." if found is Schema.EMPTY else "The database is of an earlier release.",
            code="store.unmigrated",
            field="database_url",
            remedy="Run mailport-workspace migrate, with MAILPORT_OWNER_DATABASE_URL where the tables have another owner.",
        )


def _refuse_missing(url: URL) -> None:
    if _is_no_file_yet(url):
        raise ConfigurationError(
            f"There is no database {Path(url.database or '').absolute()} yet.",
            code="store.unmigrated",
            field="database_url",
            remedy="Work in the folder where it is, set MAILPORT_DATABASE_URL, or make it with mailport-workspace migrate.",
        )


async def refuse_newer(url: URL) -> None:
    """Refuse a database that a later release has migrated. Raises ``ConfigurationError``."""
    _refuse_newer(await schema_of(url))


def _refuse_newer(found: Schema) -> None:
    if found is Schema.NEWER:
        raise ConfigurationError(
            "The database was migrated by a later release than this one.",
            code="store.newer",
            field="database_url",
            remedy="Install that release again, or restore the back-up that was made before the upgrade.",
        )


def _is_no_file_yet(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()


def _compare(connection: Connection) -> Schema:
    if not inspect(connection).has_table("alembic_version"):
        return Schema.EMPTY
    try:
        current = connection.scalar(text("SELECT version_num FROM alembic_version"))
    except ProgrammingError:  # an earlier release let only the owner read it
        return Schema.BEHIND
    config = Config()
    config.set_main_option("script_location", str(files("mailport_workspace") / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    if current is None:
        return Schema.EMPTY
    if current == scripts.get_current_head():
        return Schema.CURRENT
    return Schema.BEHIND if current in {script.revision for script in scripts.walk_revisions()} else Schema.NEWER
