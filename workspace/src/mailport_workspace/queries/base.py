"""What the queries of every room share: a session, and rows that are added, removed or not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy.ext.asyncio import AsyncSession

from mailport.errors import NotFound
from mailport_workspace.tables import Base, TenantOwned

if TYPE_CHECKING:
    from mailport_workspace.database.sessions import BoundSession

__all__ = ["Across", "Bound", "found"]

Found = TypeVar("Found")


class Bound:
    """Queries within one transaction of one tenant: they see and write only its rows."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, *rows: TenantOwned) -> None:
        """Insert rows; they become this tenant's."""
        self._session.add_all(rows)
        await self._session.flush()

    async def insert(self, kind: type[TenantOwned], rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows of one kind by their values: for those at which this transaction does not look again, at less cost."""
        if rows:
            await self._session.run_sync(lambda session: cast("BoundSession", session).insert_rows(kind, rows))

    def add_later(self, *rows: TenantOwned) -> None:
        """Insert rows together with the next statement, or at the end."""
        self._session.add_all(rows)

    async def remove(self, row: TenantOwned) -> None:
        """Delete one row."""
        await self._session.delete(row)
        await self._session.flush()


class Across:
    """Queries within one transaction across all tenants, for the operator and for workers."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, *rows: Base) -> None:
        """Insert rows, which say themselves whose they are; rows that others refer to come first."""
        for row in rows:
            self._session.add(row)
            await self._session.flush()


def found(row: Found | None, what: str) -> Found:
    """Return the row. Raises ``NotFound`` where there is none, also for one of another tenant."""
    if row is None:
        raise NotFound(f"There is no such {what}.", code="store.missing", remedy="It may have been deleted; reload the list.")
    return row
