"""The port to what runs the work: an engine wakes, keeps one job per key at a time, and fails over. Rows are the truth.

An engine is found through the entry-point group ``mailport.engines``: the value is called with the workspace's settings and
returns an ``Engine``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TypeAlias

__all__ = ["Engine", "Job"]

Job: TypeAlias = Callable[[str], Awaitable[None]]
"""The work for one key. It finds in the rows what is to be done, and is harmless to run once too often."""


class Engine(ABC):
    """Runs jobs. Of one kind and key at most one runs and at most one waits, across all workers."""

    @abstractmethod
    def job(self, kind: str, run: Job) -> None:
        """Say what a kind of job does; before ``run``."""

    @abstractmethod
    async def enqueue(self, kind: str, key: str) -> bool:
        """Ask for a job; say whether it was not waiting already. Returns at once, also in a process that runs none."""

    @abstractmethod
    async def run(self) -> None:
        """Run jobs until ``close`` is called. Raises ``ConfigurationError`` where this process may not."""

    @abstractmethod
    async def close(self) -> None:
        """Finish or give back what runs, at most for a while, and release everything."""
