"""Sessions that are bound to one tenant: the first wall between tenants. Only ``store.py`` opens them.

A bound session adds its tenant to every statement, gives new rows their owner, and refuses what it cannot bind: statements
that are not of the ORM, rows of another tenant, and to open without a tenant at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Connection, Table, event, insert
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction, UOWTransaction, with_loader_criteria
from sqlalchemy.sql.base import ExecutableOption

from mailport_workspace.database.walls import ALL_TENANTS, SET_TENANT
from mailport_workspace.tables import Tenant, TenantOwned

__all__ = ["BoundSession", "OperatorSession", "TenantWall"]


class TenantWall(RuntimeError):
    """Code tried to work without a tenant, or on the rows of another one; a developer must act."""


class BoundSession(Session):
    """A session whose ``info`` names a tenant; with ``read_only`` it refuses to write."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        tenant = (options.get("info") or {}).get("tenant")
        if not isinstance(tenant, str) or not tenant or tenant == ALL_TENANTS:
            raise TenantWall("a session opens for one tenant only, and none was named")
        super().__init__(*arguments, **options)

    @property
    def tenant(self) -> str:
        """Whose rows this session sees."""
        named: str = self.info["tenant"]
        return named

    def insert_rows(self, kind: type[TenantOwned], rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows of one kind as this tenant's, by the same columns each; what is due before them is written first."""
        if self.info.get("read_only"):
            raise TenantWall("this session was opened to read")
        if any(row.get("tenant_id", self.tenant) != self.tenant for row in rows):
            raise TenantWall(f"a {kind.__name__} of another tenant was about to be written")
        self.flush()
        self.connection().execute(insert(cast("Table", kind.__table__)), [{**row, "tenant_id": self.tenant} for row in rows])


class OperatorSession(Session):
    """A session across all tenants, for the work of the operator and of workers."""

    tenant = ALL_TENANTS


@event.listens_for(BoundSession, "do_orm_execute")
def _add_the_tenant(state: ORMExecuteState) -> None:
    session = state.session
    assert isinstance(session, BoundSession)  # noqa: S101 - the listener is this class's own
    if not state.is_orm_statement or state.is_insert:
        raise TenantWall("a bound session runs statements of the ORM only, and inserts rows as objects")
    state.statement = state.statement.options(*_criteria(session.tenant))


@lru_cache(maxsize=1024)
def _criteria(tenant: str) -> tuple[ExecutableOption, ...]:
    """Return what every statement of that tenant gets; kept, because it takes longer to make than to add."""
    return (
        with_loader_criteria(TenantOwned, lambda owned: owned.tenant_id == tenant, include_aliases=True),
        with_loader_criteria(Tenant, lambda owner: owner.id == tenant, include_aliases=True),
    )


@event.listens_for(BoundSession, "before_flush")
def _own_what_is_written(session: BoundSession, _context: UOWTransaction, _objects: object) -> None:
    if session.info.get("read_only") and (session.new or session.dirty or session.deleted):
        raise TenantWall("this session was opened to read")
    for row in session.new:
        if isinstance(row, TenantOwned):
            row.tenant_id = row.tenant_id or session.tenant  # None until somebody says whose it is
    for row in (*session.new, *session.dirty, *session.deleted):
        if _owner(row) != session.tenant:
            raise TenantWall(f"a {type(row).__name__} of another tenant was about to be written")


def _owner(row: object) -> str | None:
    if isinstance(row, Tenant):
        return row.id
    return row.tenant_id if isinstance(row, TenantOwned) else None


@event.listens_for(OperatorSession, "before_flush")
def _only_look(session: OperatorSession, _context: UOWTransaction, _objects: object) -> None:
    if session.info.get("read_only") and (session.new or session.dirty or session.deleted):
        raise TenantWall("this session was opened to read")


@event.listens_for(BoundSession, "after_begin")
@event.listens_for(OperatorSession, "after_begin")
def _name_the_tenant(session: BoundSession | OperatorSession, _transaction: SessionTransaction, connection: Connection) -> None:
    """Tell PostgreSQL, for this transaction only, so that its own wall stands at the same place."""
    if connection.dialect.name == "postgresql":
        connection.execute(SET_TENANT, {"tenant": session.tenant})
