"""Tests of connections: what was asked for, how far each is, and the last result of each account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select

from mailport_workspace.queries.base import Across, Bound, found
from mailport_workspace.tables import AccountState, ConnectionTest

__all__ = ["AcrossConnectionTests", "ConnectionTestQueries"]


class ConnectionTestQueries(Bound):
    """Of one tenant."""

    async def connection_test(self, test: str, *, for_update: bool = False) -> ConnectionTest:
        """Return one test. Raises ``NotFound``, also for one of another tenant."""
        query = select(ConnectionTest).where(ConnectionTest.id == test)
        return found(await self._session.scalar(query.with_for_update() if for_update else query), "connection test")

    async def unfinished_tests(self) -> int:
        """Return how many tests wait or run."""
        query = select(func.count()).select_from(ConnectionTest).where(ConnectionTest.finished_at.is_(None))
        return int(await self._session.scalar(query) or 0)

    async def last_test(self, subject: str) -> tuple[Mapping[str, Any], datetime | None]:
        """Return the last result of an account, and when it was; empty where there is none."""
        state = await self._session.scalar(select(AccountState).where(AccountState.subject == subject))
        return (dict(state.test_result), state.tested_at) if state is not None else ({}, None)


class AcrossConnectionTests(Across):
    """Of all tenants."""

    async def due_connection_tests(self, *, lost_before: datetime) -> Sequence[str]:
        """Return the tests that nobody runs yet, and those that a worker began before ``lost_before`` and never finished."""
        waits = ConnectionTest.lease.is_(None) | (ConnectionTest.leased_at < lost_before)
        return (await self._session.scalars(select(ConnectionTest.id).where(ConnectionTest.finished_at.is_(None), waits))).all()

    async def tenant_of_test(self, test: str) -> str | None:
        """Return whose test it is; None where it is gone."""
        return await self._session.scalar(select(ConnectionTest.tenant_id).where(ConnectionTest.id == test))

    async def forget_connection_tests(self, before: datetime) -> None:
        """Delete what was finished before a moment."""
        await self._session.execute(delete(ConnectionTest).where(ConnectionTest.finished_at < before))
