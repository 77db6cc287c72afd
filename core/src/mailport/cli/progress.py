"""A bar on stderr while work takes long, for people who look at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

__all__ = ["Progress", "progress"]


class Progress:
    """Takes what was done and shows nothing: what a log file or a pipe gets."""

    def advance(self) -> None:
        """Count a finished message."""

    def received(self, size: int) -> None:
        """Count bytes that came."""


@contextmanager
def progress(text: str, total: int | None = None) -> Iterator[Progress]:
    """Show a bar until the block ends; ``total`` messages, None where nobody knows yet."""
    if not sys.stderr.isatty():
        yield Progress()
        return
    from rich import progress as bars  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415 - rich is for people, and takes its time to import

    columns = (
        bars.SpinnerColumn(),
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
    )
    # stdout stays itself: rich would send what is printed there to the bar's stream.
    with bars.Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        yield _Shown(bar, text, total)


class _Shown(Progress):
    def __init__(self, bar: Bar, text: str, total: int | None) -> None:
        self._bar = bar
        self._text = text
        self._task = bar.add_task(text, total=total)
        self._bytes = 0

    def advance(self) -> None:
        self._bar.advance(self._task)

    def received(self, size: int) -> None:
        self._bytes += size
        self._bar.update(self._task, description=f"{self._text} {self._bytes / 1_000_000:.1f} MB")
