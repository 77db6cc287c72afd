"""Engines as each database wants them."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from mailport_workspace.database.sqlite import connect

__all__ = ["WRITING", "make_engine"]

WRITING = "mailport_writing"
"""The execution option of connections whose transactions write."""

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000")
"""FULL: what is committed survives a power cut too. A mailbox may have deleted the message by then, a server taken the mail."""


def make_engine(url: URL | str, *, foreign_keys: bool = True, **options: Any) -> AsyncEngine:
    """Return an engine; on SQLite with write-ahead log, and with writers that queue instead of failing."""
    if make_url(url).get_backend_name() == "sqlite":
        options = {"connect_args": {"async_creator_fn": connect}, **options}
    engine = create_async_engine(url, hide_parameters=True, **options)  # errors must not repeat what was to be stored
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", partial(_prepare_sqlite, foreign_keys))
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


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
