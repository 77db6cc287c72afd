"""The engine of PostgreSQL: Procrastinate, on as many machines as wanted.

Its ``lock`` keeps one job per key running, its ``queueing_lock`` one waiting. What it does not do is done here: jobs of
workers that died are given to others, and its worker is started again after an outage of the database.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import DeleteJobCondition, Status
from procrastinate.jobs import Job as Row
from procrastinate.worker import Worker
from psycopg import Error
from psycopg.errors import UndefinedFunction, UndefinedTable
from psycopg_pool import AsyncConnectionPool
from sqlalchemy.engine import URL

from mailport.errors import ConfigurationError
from mailport_workspace.engines import Engine, Job
from mailport_workspace.engines.places import Places
from mailport_workspace.engines.schema import SCHEMA
from mailport_workspace.settings import WorkspaceSettings

__all__ = ["ProcrastinateEngine", "engine"]

_PATIENCE = 5.0
"""Seconds to wait for a connection, and at most between two looks for lost jobs."""

_NEXT_IN_LINE = 0.5
"""Seconds until a job is begun that waited for the end of another one of its key: nobody is told of that end."""

_log = logging.getLogger(__name__)


def engine(settings: WorkspaceSettings) -> Engine:
    """Return the engine. Raises ``ConfigurationError`` for SQLite."""
    if settings.is_embedded:
        raise ConfigurationError(
            "The engine “procrastinate” works on PostgreSQL only.",
            code="settings.engine",
            field="engine",
            remedy="Leave MAILPORT_ENGINE empty: the database decides.",
        )
    return ProcrastinateEngine(
        settings.application_url,
        concurrency=settings.worker_concurrency,
        drain_limit=settings.drain_limit,
        timeout=settings.worker_timeout,
    )


class ProcrastinateEngine(Engine):
    """Runs at most ``concurrency`` jobs at a time in this process; ``drain_limit`` is how many seconds ``close`` waits.

    A worker without a sign of life for ``timeout`` seconds is dead, and its jobs are given to others. A blocked event loop
    gives none, so ``timeout`` is long.
    """

    def __init__(self, url: URL, *, concurrency: int = 32, drain_limit: float = 20.0, timeout: float = 60.0) -> None:
        self._url = url
        self._concurrency = concurrency
        self._places = Places(concurrency)
        self._drain_limit = drain_limit
        self._timeout = timeout
        self._connector = PsycopgConnector()
        self._app = App(connector=self._connector)
        self._kinds: list[str] = []
        self._pool: AsyncConnectionPool | None = None
        self._opening = asyncio.Lock()
        self._worker: _Worker | None = None
        self._closing = asyncio.Event()
        self._over: asyncio.Event | None = None
        self._at_work: set[int] = set()
        self._workers: set[int] = set()  # every number that this process had
        self._suspects: set[int] = set()

    def __repr__(self) -> str:
        return f"<ProcrastinateEngine running={len(self._at_work)}>"

    def job(self, kind: str, run: Job) -> None:
        self._kinds.append(kind)
        self._places.add(kind)
        self._app.task(name=kind, queue=kind, pass_context=True)(self._guarded(kind, run))

    async def enqueue(self, kind: str, key: str) -> bool:
        """Ask for a job. An outage of the database is logged: the next look for what is due makes up for it."""
        item = f"{kind} {key}"
        try:
            await self._open()
            task = self._app.configure_task(kind, allow_unknown=True, queue=kind, lock=item, queueing_lock=item)
            await task.defer_async(key=key)
        except AlreadyEnqueued:
            return False
        except (ConnectorException, Error) as error:
            _log.warning("The job %s could not be asked for: %s.", item, type(error.__cause__ or error).__name__)
            return False
        return True

    async def run(self) -> None:
        self._over = asyncio.Event()
        recovering = asyncio.create_task(self._for_ever(self._recover, min(_PATIENCE, self._timeout / 10)))
        try:
            await self._for_ever(self._work, 1.0)
        finally:
            recovering.cancel()
            with suppress(asyncio.CancelledError):
                await recovering
            self._over.set()

    async def close(self) -> None:
        self._closing.set()
        if self._worker is not None:
            self._worker.stop()  # type: ignore[no-untyped-call]
        if self._over is not None:
            await self._over.wait()
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    def _guarded(self, kind: str, run: Job) -> Callable[..., Awaitable[None]]:
        async def guarded(context: JobContext, key: str) -> None:
            number = context.job.id or 0
            self._at_work.add(number)
            self._places.take(kind)
            self._divide()
            try:
                await run(key)
            except Exception:  # one job's failure is its own
                _log.exception("The job %s %s failed.", kind, key)
            finally:
                self._at_work.discard(number)
                self._places.free(kind)
                self._divide()

        return guarded

    def _divide(self) -> None:
        """Let the worker fetch jobs of those kinds only that have room."""
        if self._worker is not None:
            self._worker.fetch_only(self._places.open_to(self._kinds))

    async def _open(self) -> None:
        async with self._opening:
            if self._pool is not None:
                return
            pool = AsyncConnectionPool(
                self._url.set(drivername="postgresql").render_as_string(hide_password=False),
                kwargs={"options": f"-c search_path={SCHEMA}"},
                min_size=1,
                max_size=4,
                timeout=_PATIENCE,
                check=AsyncConnectionPool.check_connection,
                open=False,
            )
            await pool.open(wait=False)
            await self._connector.open_async(pool)
            self._pool = pool

    async def _for_ever(self, act: Callable[[], Awaitable[None]], pause: float) -> None:
        """Act until this engine is closed; an outage of the database is waited for."""
        is_failing = False
        while not self._closing.is_set():
            try:
                await act()
                is_failing = False
            except (ConnectorException, Error) as error:
                if isinstance(error.__cause__, (UndefinedTable, UndefinedFunction)):
                    raise _not_migrated() from error
                if not is_failing:
                    _log.warning("The engine waits for its database: %s.", type(error.__cause__ or error).__name__)
                is_failing = True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), pause)

    async def _work(self) -> None:
        await self._open()
        if self._closing.is_set():
            return
        self._worker = _Worker(
            self._app,
            queues=self._kinds,
            concurrency=self._concurrency,
            fetch_job_polling_interval=_NEXT_IN_LINE,
            shutdown_graceful_timeout=self._drain_limit,
            delete_jobs=DeleteJobCondition.ALWAYS,  # what failed is logged, and due again where rows say so
            install_signal_handlers=False,
            update_heartbeat_interval=self._timeout / 6,
            stalled_worker_timeout=self._timeout,
        )
        await self._worker.run()  # type: ignore[no-untyped-call]

    async def _recover(self) -> None:
        """Give the jobs of dead workers to others, and those of this process whose end was not noted in an outage."""
        if self._worker is None:
            return
        if self._worker.worker_id is not None:
            self._workers.add(self._worker.worker_id)
        stalled = await self._app.job_manager.get_stalled_jobs(seconds_since_heartbeat=self._timeout)
        for row in [*stalled, *await self._forgotten()]:
            await self._wake_again(row)

    async def _forgotten(self) -> list[Row]:
        """Return the jobs that are noted as running here, and were not at two looks in a row."""
        noted = [row for row in await self._app.job_manager.list_jobs_async(status="doing") if row.worker_id in self._workers]
        idle = {row.id: row for row in noted if row.id is not None and row.id not in self._at_work}
        before, self._suspects = self._suspects, set(idle)
        return [row for number, row in idle.items() if number in before]

    async def _wake_again(self, row: Row) -> None:
        if row.id in self._at_work:  # stalled by the clock, and still running here: its loop was blocked
            return
        try:
            await self._app.job_manager.retry_job(row)
        except UniqueViolation:  # a newer one waits already: that one does the work
            await self._app.job_manager.finish_job(row, Status.FAILED, delete_job=True)


class _Worker(Worker):
    """A worker that is told which queues have room."""

    def fetch_only(self, queues: list[str]) -> None:
        """Fetch from these queues from now on, and look at once where one of them had no room."""
        has_more = not set(queues) <= set(self.queues or ())
        self.queues = queues
        if has_more:
            self._new_job_event.set()


def _not_migrated() -> ConfigurationError:
    return ConfigurationError(
        "The tables of the engine “procrastinate” are not in this database.",
        code="settings.engine_missing",
        field="engine",
        remedy="Install mailport-workspace[postgres] where you migrate, and run mailport-workspace migrate.",
    )
