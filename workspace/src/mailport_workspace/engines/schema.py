"""The tables of the distributed engine: in a schema of their own, as the installed release of Procrastinate wants them.

They come and grow with our migrations, in the same transaction. Their own release decides what is missing, which a numbered
migration of ours could not know; mail lies in none of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from sqlalchemy import Connection, text

__all__ = ["SCHEMA", "prepare_engine"]

SCHEMA = "mailport_engine"
"""Where the tables are; connections of the engine look there first."""


def prepare_engine(connection: Connection, roles: Iterable[str]) -> None:
    """Make or upgrade the tables, and let ``roles`` work on them; nothing where Procrastinate is not installed."""
    if find_spec("procrastinate") is None:
        return
    connection.exec_driver_sql(f"SET LOCAL search_path TO {SCHEMA}")
    for script in _missing(connection):
        _run(connection, script)
    for role in sorted(filter(None, roles)):
        _grant(connection, connection.dialect.identifier_preparer.quote_identifier(role))
    connection.exec_driver_sql("SET LOCAL search_path TO DEFAULT")


def _missing(connection: Connection) -> list[str]:
    """Return the scripts that are to be run: all that came since the last time, or the whole schema; note them as run."""
    from procrastinate.schema import SchemaManager, migrations_path  # noqa: PLC0415 - an extra

    steps = {path.name: path for path in sorted(migrations_path.glob("*.sql"))}
    is_new = connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": SCHEMA}) is None
    if is_new:
        connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
        connection.exec_driver_sql("CREATE TABLE applied (name text PRIMARY KEY)")
    done = set(connection.scalars(text("SELECT name FROM applied")))
    new = [name for name in steps if name not in done]
    for name in new:
        connection.execute(text("INSERT INTO applied VALUES (:name)"), {"name": name})
    return [SchemaManager.get_schema()] if is_new else [steps[name].read_text(encoding="utf-8") for name in new]


def _run(connection: Connection, script: str) -> None:
    """Run a script of many statements, which the driver takes without parameters only."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(script)
    finally:
        cursor.close()


def _grant(connection: Connection, role: str) -> None:
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role}")
    connection.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {SCHEMA} TO {role}")
    connection.exec_driver_sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO {role}")
