"""SQLite's statements, each in one go: aiosqlite asks its thread four times for what a transaction waits for.

It makes a cursor, executes, fetches and closes in a call each; a call costs as much as a short statement.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Self

import aiosqlite

__all__ = ["connect"]


def connect(database: str, **options: Any) -> aiosqlite.Connection:
    """Return a connection that is to be awaited; the options are those of ``sqlite3.connect``."""
    connection = _Connection(partial(sqlite3.connect, database, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # a process that ends must not wait for it
    return connection


class _Connection(aiosqlite.Connection):
    """A connection whose cursors know their rows when they have executed."""

    def cursor(self) -> Any:
        """Return a cursor, without asking the thread for it."""
        return _Cursor(self._run)

    async def _run(self, act: Callable[[sqlite3.Cursor], object]) -> _Outcome:
        outcome: _Outcome = await self._execute(_outcome, self._conn, act)  # type: ignore[no-untyped-call]
        return outcome


class _Cursor:
    """What SQLAlchemy uses of a cursor."""

    arraysize = 1

    def __init__(self, run: Callable[[Callable[[sqlite3.Cursor], object]], Any]) -> None:
        self._run = run
        self._outcome = _Outcome()

    async def __aenter__(self) -> Self:
        return self

    @property
    def description(self) -> Any:
        """The columns of the rows, or None where there are none."""
        return self._outcome.description

    @property
    def rowcount(self) -> int:
        """How many rows were changed, or -1."""
        return self._outcome.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The number that SQLite gave to the last row."""
        return self._outcome.lastrowid

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Execute a statement and fetch its rows."""
        self._outcome = await self._run(lambda cursor: cursor.execute(sql, parameters))

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Execute a statement once for each of the parameters."""
        self._outcome = await self._run(lambda cursor: cursor.executemany(sql, parameters))

    async def fetchall(self) -> Sequence[Any]:
        """Return the rows."""
        return self._outcome.rows

    async def close(self) -> None:
        """Do nothing: the thread has closed it."""


class _Outcome:
    """What a statement led to."""

    def __init__(self, cursor: sqlite3.Cursor | None = None) -> None:
        self.description = cursor.description if cursor else None
        self.rows: Sequence[Any] = cursor.fetchall() if cursor and cursor.description else ()
        self.rowcount = cursor.rowcount if cursor else -1
        self.lastrowid = cursor.lastrowid if cursor else None


def _outcome(connection: sqlite3.Connection, act: Callable[[sqlite3.Cursor], object]) -> _Outcome:
    """Run in the thread."""
    cursor = connection.cursor()
    try:
        act(cursor)
        return _Outcome(cursor)
    finally:
        cursor.close()
