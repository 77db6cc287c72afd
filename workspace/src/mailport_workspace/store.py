"""Transactions: every one opens here, and what can be done in it is ``queries/``.

``Store.read`` and ``Store.write`` open one for one tenant; ``Store.survey`` (to look) and ``Store.operate`` (to change) open
one across all of them, for the operator and for workers. A transaction is committed when its block ends well.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from mailport.errors import Unreachable
from mailport_workspace.database import WRITING, make_engine
from mailport_workspace.database.errors import database_errors
from mailport_workspace.database.sessions import BoundSession, OperatorSession, TenantWall
from mailport_workspace.queries import OperatorRows, TenantRows

__all__ = ["OperatorRows", "Store", "TenantRows", "TenantWall"]

_LATELY = 60.0


class Store:
    """The database. ``operator_url`` signs in as the role that may work across tenants."""

    def __init__(self, url: URL | str, operator_url: URL | str | None = None, **options: Any) -> None:
        self._engine = make_engine(url, **options)
        is_same = operator_url is None or str(operator_url) == str(url)
        self._operator_engine = self._engine if is_same else make_engine(operator_url or url, **options)
        self._trouble: tuple[float, Unreachable] | None = None

    @property
    def trouble(self) -> Unreachable | None:
        """What kept this process from storing something in the last minute, though a full disk may take small changes."""
        if self._trouble is None or time.monotonic() - self._trouble[0] > _LATELY:
            return None
        return self._trouble[1]

    async def close(self) -> None:
        """Close every connection."""
        for engine in {id(engine): engine for engine in (self._engine, self._operator_engine)}.values():
            await engine.dispose()

    @asynccontextmanager
    async def read(self, tenant: str) -> AsyncIterator[TenantRows]:
        """Look at the rows of one tenant."""
        info = {"tenant": tenant, "read_only": True}
        async with _transaction(self._engine, BoundSession, info) as session:
            yield TenantRows(session)

    @asynccontextmanager
    async def write(self, tenant: str) -> AsyncIterator[TenantRows]:
        """Look at the rows of one tenant and change them."""
        engine = self._engine.execution_options(**{WRITING: True})
        with self._noticed():
            async with _transaction(engine, BoundSession, {"tenant": tenant}) as session:
                yield TenantRows(session)

    @asynccontextmanager
    async def survey(self) -> AsyncIterator[OperatorRows]:
        """Look at the rows of all tenants; nobody waits for it."""
        async with _transaction(self._operator_engine, OperatorSession, {"read_only": True}) as session:
            yield OperatorRows(session)

    @asynccontextmanager
    async def operate(self) -> AsyncIterator[OperatorRows]:
        """Look at the rows of all tenants and change them."""
        engine = self._operator_engine.execution_options(**{WRITING: True})
        with self._noticed():
            async with _transaction(engine, OperatorSession, {}) as session:
                yield OperatorRows(session)

    @contextmanager
    def _noticed(self) -> Iterator[None]:
        try:
            yield
        except Unreachable as error:
            if error.code.startswith("store."):
                self._trouble = (time.monotonic(), error)
            raise


@asynccontextmanager
async def _transaction(engine: AsyncEngine, kind: type[Any], info: dict[str, Any]) -> AsyncIterator[AsyncSession]:
    session = AsyncSession(engine, sync_session_class=kind, info=info, expire_on_commit=False)
    with database_errors():
        async with session, session.begin():
            yield session
