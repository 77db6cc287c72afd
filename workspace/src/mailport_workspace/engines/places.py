"""How the places of a process are divided among the kinds of jobs: those that wait for silent servers block no others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

__all__ = ["Places"]


class Places:
    """So many jobs may run at a time.

    No kind takes more than half of the places, nor the last quarter from kinds of which none runs.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._share = (count + 1) // 2
        self._kept = count // 4
        self._kinds: set[str] = set()
        self._taken: Counter[str] = Counter()

    def add(self, kind: str) -> None:
        """Let there be one more kind of jobs."""
        self._kinds.add(kind)

    def take(self, kind: str) -> None:
        """Note that a job of that kind runs."""
        self._taken[kind] += 1

    def free(self, kind: str) -> None:
        """Note that a job of that kind has ended."""
        self._taken[kind] -= 1

    def has_room(self, kind: str) -> bool:
        """Whether one more job of that kind may run."""
        left = self._count - self._taken.total()
        if self._taken[kind] == 0:
            return left > 0
        idle = sum(self._taken[other] == 0 for other in self._kinds)
        return self._taken[kind] < self._share and left > min(idle, self._kept)

    def open_to(self, kinds: Iterable[str]) -> list[str]:
        """Return the kinds of which one more job may run."""
        return [kind for kind in kinds if self.has_room(kind)]
