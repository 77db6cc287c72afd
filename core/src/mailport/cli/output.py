"""Where results go: stdout as JSON, or as a table for people; everything about them goes to stderr."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from shutil import get_terminal_size
from typing import IO, TYPE_CHECKING, Any
from unicodedata import combining, east_asian_width

import click

from mailport.address import CONTROL

if TYPE_CHECKING:
    from mailport.errors import MailportError, Problem

__all__ = ["Output", "Table", "plain"]

_SEVERAL = 2
_NARROWEST = 20
"""Columns of the screen that a shortened text keeps."""
_BIDI = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_COLOURS = {
    **dict.fromkeys(("accepted", "passed", "loaded", "saved", "done"), "green"),
    **dict.fromkeys(("refused", "failed", "error:"), "red"),
    **dict.fromkeys(
        ("deferred", "uncertain", "blocked", "unfinished", "too large", "gone", "withheld", "pending", "warning:"), "yellow"
    ),
    **dict.fromkeys(("skipped", "known"), "bright_black"),
}


@dataclass
class Output:
    """How one run of a command speaks.

    ``json`` asks for one JSON document on stdout instead of text, ``traceback`` for the place in the code below an error.
    """

    json: bool = False
    traceback: bool = False

    def data(self, value: Any) -> None:
        """Print the JSON document; nothing for people."""
        if self.json:
            click.echo(json.dumps(value, indent=2, default=str))

    def say(self, *words: str) -> None:
        """Print a line of the result; nothing with ``--json``."""
        if not self.json:
            _write(sys.stdout, *words)

    def note(self, text: str) -> None:
        """Tell something beside the result, if there is something."""
        if text:
            _write(sys.stderr, text)

    def warn(self, text: str) -> None:
        """Tell something that a person should look at."""
        _write(sys.stderr, "warning:", text)

    @contextmanager
    def table(self, *columns: str, shortened: tuple[str, ...] = ()) -> Iterator[Table]:
        """Print rows: aligned below ``columns`` on a terminal, else at once and with tabs; nothing with ``--json``.

        On a terminal that is too narrow the ``shortened`` columns are, the first of them first.
        """
        table = Table(columns, is_silent=self.json, is_aligned=sys.stdout.isatty(), shortened=shortened)
        try:
            yield table
        finally:
            table.close()

    def failure(self, error: MailportError) -> None:
        """Print an error: as the JSON document, or on stderr with field and remedy."""
        receipt = {"receipt": error.receipt.as_dict()} if error.receipt else {}
        self.data(error.as_dict() | receipt)
        self.complain(error)

    def complain(self, error: MailportError, about: str = "") -> None:
        """Print an error for a person; nothing with ``--json``."""
        if self.traceback:
            traceback.print_exception(error)
        if self.json:
            return
        problems: tuple[Problem, ...] = getattr(error, "problems", ())
        said = str(error) if len(problems) < _SEVERAL else _counted(str(error), problems)
        _write(sys.stderr, "error:", f"{about}: {said}" if about else said)
        if len(problems) >= _SEVERAL:
            for problem in problems:
                _write(sys.stderr, f"  {problem.field}:", problem.message, problem.remedy)
            return
        if error.field:
            _write(sys.stderr, "  field:", error.field)
        if error.remedy:
            _write(sys.stderr, "  remedy:", error.remedy)


@dataclass
class Table:
    """Rows that are printed as they come, or together once their widths are known."""

    columns: tuple[str, ...]
    is_silent: bool
    is_aligned: bool
    shortened: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, *cells: object) -> None:
        """Add a row, one cell per column."""
        row = tuple(plain(str(cell)) for cell in cells)
        if self.is_aligned:
            self.rows.append(row)
        elif not self.is_silent:
            click.echo("\t".join(row))

    def close(self) -> None:
        """Print what was kept back."""
        if self.is_silent or not self.rows:
            return
        widths = self._widths()
        click.echo("  ".join(_coloured(sys.stdout, cell, bold=True) for cell in _padded(self.columns, widths)))
        for row in self.rows:
            click.echo("  ".join(_coloured(sys.stdout, cell) for cell in _padded(row, widths)))
        self.rows.clear()

    def _widths(self) -> list[int]:
        widths = [max(map(_width, column)) for column in zip(self.columns, *self.rows, strict=True)]
        excess = sum(widths) + 2 * (len(widths) - 1) - get_terminal_size().columns
        for index in map(self.columns.index, self.shortened):
            cut = max(0, min(excess, widths[index] - _NARROWEST))
            widths[index] -= cut
            excess -= cut
        return widths


def _counted(said: str, problems: tuple[Problem, ...]) -> str:
    """Return the text of an error with how many problems there are in place of all of them in one line."""
    return f"{said.removesuffix(' '.join(problem.message for problem in problems))}{len(problems)} settings are wrong."


def plain(text: str) -> str:
    """Return text that cannot steer a terminal: a subject or a server's reply may hold escape sequences."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split("\n")).replace("\t", " ").translate(_BIDI))


def _write(stream: IO[str], *words: str) -> None:
    shown = [plain(word) for word in words]
    click.echo(" ".join(_coloured(stream, word) for word in shown), file=stream)


def _coloured(stream: IO[str], text: str, *, bold: bool = False) -> str:
    colour = _COLOURS.get(text.strip())
    if not (colour or bold) or not stream.isatty() or os.environ.get("NO_COLOR"):
        return text
    return click.style(text, fg=colour, bold=bold or None)


def _padded(cells: tuple[str, ...], widths: list[int]) -> list[str]:
    *columns, last = cells
    fitting = [_cut(cell, width) for cell, width in zip(columns, widths, strict=False)]
    return [*(cell + " " * (width - _width(cell)) for cell, width in zip(fitting, widths, strict=False)), last]


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    while _width(text) >= width:
        text = text[:-1]
    return f"{text}…"


def _width(text: str) -> int:
    return sum(0 if combining(sign) else 1 + (east_asian_width(sign) in "WF") for sign in text)
