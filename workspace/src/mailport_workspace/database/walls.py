"""PostgreSQL's row-level security: the second wall between tenants, behind the filter of the session.

A transaction names its tenant in ``app.tenant``; without it no row is there. Only the operator's role may name all of them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy import Connection, inspect, text
from sqlalchemy.schema import Table

from mailport_workspace.tables import Base

__all__ = ["ALL_TENANTS", "SET_TENANT", "Holes", "holes", "lower_walls", "raise_walls"]

_log = logging.getLogger(__name__)

ALL_TENANTS = "*"
"""The value of ``app.tenant`` by which the operator's role works across tenants."""

SET_TENANT = text("SELECT set_config('app.tenant', :tenant, true)")
"""Name the tenant of the present transaction."""

_OWN_ROWS = "tenant_id = current_setting('app.tenant', true)"
_ALL_ROWS = f"current_setting('app.tenant', true) = '{ALL_TENANTS}'"


def raise_walls(connection: Connection, application: str, operator: str) -> None:
    """Wall off every table that belongs to tenants; idempotent. A role that is empty is the owner's own."""
    _tell_if_superuser(connection, application)
    quote = connection.dialect.identifier_preparer.quote_identifier
    present = set(inspect(connection).get_table_names())
    roles = {quote(role) for role in (application, operator) if role}
    _let_read_the_version(connection, roles)
    for table in (table for table in Base.metadata.sorted_tables if table.name in present):
        _grant(connection, table, roles)
        if "tenant_id" in table.columns:
            _wall(connection, quote(table.name), quote(operator) if operator else "CURRENT_USER")


def _let_read_the_version(connection: Connection, roles: set[str]) -> None:
    """Let every role see whether the tables are those of its release."""
    for role in sorted(roles):
        connection.exec_driver_sql(f"GRANT SELECT ON alembic_version TO {role}")


def _tell_if_superuser(connection: Connection, role: str) -> None:
    passes = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = coalesce(nullif(:role, ''), current_user)")
    if connection.scalar(passes, {"role": role}):
        _log.warning("The database role “%s” passes the walls between tenants: let the application use another one.", role)


@dataclass(frozen=True, slots=True)
class Holes:
    """What lets a role through: that it passes every wall, or tables before which none stands."""

    role: str
    passes: bool
    open_tables: tuple[str, ...]


def holes(connection: Connection) -> Holes:
    """Return what the walls let the connected role through."""
    query = text("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    role, passes = connection.execute(query).one()
    query = text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
    walled = set(connection.scalars(query))
    owned = [table.name for table in Base.metadata.sorted_tables if "tenant_id" in table.columns]
    return Holes(role, passes, tuple(name for name in owned if name not in walled))


def lower_walls(connection: Connection) -> None:
    """Let the owner see every row until the walls are raised again, in the same transaction: migrations move data."""
    for name in set(inspect(connection).get_table_names()) & set(Base.metadata.tables):
        connection.exec_driver_sql(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY")


def _grant(connection: Connection, table: Table, roles: set[str]) -> None:
    for role in sorted(roles):
        connection.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table.name} TO {role}")


def _wall(connection: Connection, table: str, operator: str) -> None:
    """FORCE makes the wall stand for the owner too, where one role does everything."""
    for statement in (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"DROP POLICY IF EXISTS own_rows ON {table}",
        f"DROP POLICY IF EXISTS all_rows ON {table}",
        f"CREATE POLICY own_rows ON {table} USING ({_OWN_ROWS}) WITH CHECK ({_OWN_ROWS})",
        f"CREATE POLICY all_rows ON {table} TO {operator} USING ({_ALL_ROWS}) WITH CHECK ({_ALL_ROWS})",
    ):
        connection.exec_driver_sql(statement)
