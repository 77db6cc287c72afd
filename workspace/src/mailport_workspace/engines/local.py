"""The engine of the embedded database: everything in this process, which is the only worker of its database file."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from mailport.errors import ConfigurationError
from mailport_workspace.engines import Engine, Job
from mailport_workspace.engines.places import Places
from mailport_workspace.settings import WorkspaceSettings

__all__ = ["LocalEngine", "engine"]

_Item: TypeAlias = tuple[str, str]

_log = logging.getLogger(__name__)


def engine(settings: WorkspaceSettings) -> Engine:
    """Return the engine. Raises ``ConfigurationError`` for a database that more processes than this one may work on."""
    if not settings.is_embedded:
        raise ConfigurationError(
            "The engine “local” works on SQLite only.",
            code="settings.engine",
            field="engine",
            remedy="Leave MAILPORT_ENGINE empty: the database decides.",
        )
    name = settings.application_url.database
    database = Path(name) if name and name != ":memory:" else None
    return LocalEngine(database, concurrency=settings.worker_concurrency, drain_limit=settings.drain_limit)


class LocalEngine(Engine):
    """Runs at most ``concurrency`` jobs at a time; ``drain_limit`` is how many seconds ``close`` waits for those that run.

    Beside the file ``database`` it keeps a lock while it runs. What waits is forgotten with the process: rows are the truth.
    """

    def __init__(self, database: Path | None = None, *, concurrency: int = 32, drain_limit: float = 20.0) -> None:
        self._database = database
        self._places = Places(concurrency)
        self._drain_limit = drain_limit
        self._jobs: dict[str, Job] = {}
        self._waiting: dict[_Item, None] = {}  # in the order in which they were asked for
        self._running: dict[_Item, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._over: asyncio.Event | None = None
        self._is_closing = False

    def __repr__(self) -> str:
        return f"<LocalEngine running={len(self._running)} waiting={len(self._waiting)}>"

    def job(self, kind: str, run: Job) -> None:
        self._jobs[kind] = run
        self._places.add(kind)

    async def enqueue(self, kind: str, key: str) -> bool:
        is_new = (kind, key) not in self._waiting
        self._waiting[kind, key] = None
        self._wake.set()
        return is_new

    async def run(self) -> None:
        with _only_worker(self._database):
            self._over = asyncio.Event()
            try:
                await self._start_jobs()
                await self._drain()
            finally:
                await self._cancel_what_runs()
                self._over.set()

    async def close(self) -> None:
        self._is_closing = True
        self._wake.set()
        if self._over is not None:
            await self._over.wait()

    async def _start_jobs(self) -> None:
        while not self._is_closing:
            for item in [item for item in self._waiting if item not in self._running]:
                if self._places.has_room(item[0]):
                    self._start(item)
            self._wake.clear()
            await self._wake.wait()

    def _start(self, item: _Item) -> None:
        del self._waiting[item]
        self._places.take(item[0])
        task = asyncio.create_task(self._work(*item), name=f"{item[0]} {item[1]}")
        self._running[item] = task
        task.add_done_callback(lambda _: self._ended(item))

    def _ended(self, item: _Item) -> None:
        del self._running[item]
        self._places.free(item[0])
        self._wake.set()

    async def _work(self, kind: str, key: str) -> None:
        try:
            await self._jobs[kind](key)
        except Exception:  # one job's failure is its own
            _log.exception("The job %s %s failed.", kind, key)

    async def _drain(self) -> None:
        if self._running:
            await asyncio.wait(self._running.values(), timeout=self._drain_limit)

    async def _cancel_what_runs(self) -> None:
        left = list(self._running.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


@contextmanager
def _only_worker(database: Path | None) -> Iterator[None]:
    """Hold a lock of SQLite's own on a file beside ``database``: every system has it, and it ends with its process."""
    if database is None:
        yield
        return
    lock = _taken(database)
    try:
        yield
    finally:
        lock.close()


def _taken(database: Path) -> sqlite3.Connection:
    lock = None
    try:
        lock = sqlite3.connect(f"{database}.worker", timeout=0, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if lock is not None:
            lock.close()
        raise _refusal(database, error) from error
    return lock


def _refusal(database: Path, error: sqlite3.OperationalError) -> ConfigurationError:
    if error.sqlite_errorname != "SQLITE_BUSY":
        said = f"The lock file {database}.worker cannot be used: {error}."
        return ConfigurationError(said, code="settings.unwritable", field="database_url", remedy="Make its folder writable.")
    return ConfigurationError(
        f"Another process is the worker of {database} already: a database file has only one.",
        code="settings.engine_taken",
        field="engine",
        remedy="Stop the other process, or use PostgreSQL, where there may be many workers.",
    )
