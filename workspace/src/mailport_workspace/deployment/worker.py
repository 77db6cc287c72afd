"""A worker: runs the jobs of all rooms, and looks once a second for what is due.

A nudge after a commit makes it fast, the look makes it certain: no mail depends on what an engine remembers.
"""

from __future__ import annotations

import asyncio
import logging
import platform
from collections.abc import Callable, Iterable
from datetime import datetime

from mailport.errors import MailportError
from mailport_workspace.deployment.ahead import begin_what_is_ahead
from mailport_workspace.deployment.chores import Chore, chores_of
from mailport_workspace.engines import Engine
from mailport_workspace.observing import metrics
from mailport_workspace.observing.jobs import observed
from mailport_workspace.tables import new_id, now
from mailport_workspace.workspace import Workspace

__all__ = ["Worker"]

_TICK = 1.0
"""Seconds between two looks for what is due."""
_BEAT = 10.0
"""Seconds between two signs of life."""

_log = logging.getLogger(__name__)


class Worker:
    """Runs the jobs of a workspace until ``close``; ``chores`` are all there are by default.

    What fails (a database that is away, a broken plugin) is logged, and tried again at the next look.
    """

    def __init__(
        self,
        workspace: Workspace,
        engine: Engine | None = None,
        *,
        chores: Iterable[Chore] | None = None,
        clock: Callable[[], datetime] = now,
        tick: float = _TICK,
    ) -> None:
        self.id = new_id()
        self.lag = 0.0
        self._workspace = workspace
        self._store = workspace.store
        self._engine = engine or workspace.engine
        self._chores = tuple(chores_of(workspace) if chores is None else chores)
        self._clock = clock
        self._tick = tick
        self._beat_at = 0.0
        self._failing = False
        for chore in self._chores:
            self._engine.job(chore.kind, observed(chore.kind, chore.run))

    async def run(self) -> None:
        """Work until ``close``. Raises ``ConfigurationError`` where this process may not work."""
        tasks = [asyncio.create_task(act()) for act in (self._look_for_ever, self._measure_lag)]
        try:
            await self._engine.run()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._say_farewell()

    async def close(self) -> None:
        """Finish or give back what runs, and end ``run``."""
        await self._engine.close()

    async def look(self) -> None:
        """Give a sign of life, and ask for the jobs that are due."""
        await self._beat()
        await self._workspace.plugins.follow()
        async with self._store.survey() as rows:
            due = [(chore.kind, key) for chore in self._chores for key in await chore.due(rows, self._clock())]
        for kind, key in due:
            await self._engine.enqueue(kind, key)

    async def _look_for_ever(self) -> None:
        while True:
            await self._look_safely()
            await asyncio.sleep(self._tick)

    async def _measure_lag(self) -> None:
        """Notice how late the event loop is: code that blocks it keeps every job of this process waiting."""
        loop = asyncio.get_running_loop()
        while True:
            asleep = loop.time()
            await asyncio.sleep(self._tick)
            late = loop.time() - asleep - self._tick
            metrics.lagged(late)
            self.lag = max(self.lag, late)

    async def _look_safely(self) -> None:
        """Log the first failure of several, and when they are over."""
        try:
            await self.look()
        except Exception as error:
            if not self._failing:
                _log.warning("Nothing new is begun: %s", _said(error), exc_info=not isinstance(error, MailportError))
            self._failing = True
        else:
            if self._failing:
                _log.warning("The work goes on.")
            self._failing = False

    async def _beat(self) -> None:
        """Every ten seconds: say that this worker is alive, and look whether a clock was put back."""
        time = asyncio.get_running_loop().time()
        if time < self._beat_at:
            return
        async with self._store.operate() as rows:
            await rows.beat(self.id, platform.node(), self.lag)
        await begin_what_is_ahead(self._store, self._clock())
        self._beat_at, self.lag = time + _BEAT, 0.0

    async def _say_farewell(self) -> None:
        try:
            async with self._store.operate() as rows:
                await rows.remove_worker(self.id)
        except MailportError as error:  # its row is cleared away when it has been silent for long
            _log.warning("This worker stays in the list of workers: %s", error.message)


def _said(error: Exception) -> str:
    return error.message if isinstance(error, MailportError) else type(error).__name__
