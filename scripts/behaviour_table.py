#!/usr/bin/env python3
"""Fill the column “proved by” of docs/reference/behaviour.md from the comments at the tests: ``def test_...():  # CFG-01``.

A comment above the test, or after its docstring, is as good. The statements stand in the page itself. With ``--check`` nothing
is written, and a page that is not current is an error.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "behaviour.md"
ROW = re.compile(r"^\| (?P<id>[A-Z]{3}-\d{2}) \| (?P<statement>.+) \| (?P<kind>[a-z ]+) \| (?P<tests>.*) \|$", re.MULTILINE)
ID = re.compile(r"\b[A-Z]{3}-\d{2}\b")
TEST = re.compile(r"test_|Test")
Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
ELSEWHERE = {"CFG-10": "comes with the pages", "PLS-07": "later"}
"""Statements that this release does not make true, and when they will be."""


def main() -> int:
    """Write or check the page."""
    old = PAGE.read_text(encoding="utf-8")
    new = filled(old, proofs())
    if "--check" in sys.argv:
        return int(old != new)
    PAGE.write_text(new, encoding="utf-8")
    return 0


def filled(page: str, found: dict[str, list[tuple[Path, str]]]) -> str:
    """Return the page with the tests of each statement."""

    def fill(row: re.Match[str]) -> str:
        tests = ELSEWHERE.get(row["id"]) or _named(found.get(row["id"], []))
        return f"| {row['id']} | {row['statement']} | {row['kind']} | {tests} |"

    return ROW.sub(fill, page)


@cache
def proofs() -> dict[str, list[tuple[Path, str]]]:
    """Return for each id the tests that name it, by file and name."""
    found = defaultdict(list)
    for path in sorted(ROOT.glob("tests/**/test_*.py")):
        for name, head in _tests(path.read_text(encoding="utf-8")):
            for id_ in dict.fromkeys(ID.findall(head)):
                found[id_].append((path.relative_to(ROOT), name))
    return found


def _tests(source: str) -> Iterator[tuple[str, str]]:
    """Yield every test, a function or a class of them, with the comments at its head."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and TEST.match(node.name):
            yield node.name, " ".join(line.partition("# ")[2] for line in _head(node, lines))


def _head(node: Definition, lines: list[str]) -> list[str]:
    """Return the lines from the comment above the first decorator to the first statement."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    after = node.body[1].lineno - 1 if ast.get_docstring(node) is not None and node.body[1:] else node.body[0].lineno - 1
    return lines[first:after]


def _named(tests: list[tuple[Path, str]]) -> str:
    by_file = defaultdict(list)
    for path, name in tests:
        by_file[path].append(f"`{name.removeprefix('test_')}`")
    return "; ".join(f"[{_short(path)}](../../{path.as_posix()}): {', '.join(names)}" for path, names in by_file.items())


def _short(path: Path) -> str:
    return "/".join((*path.parts[1:-1], path.stem.removeprefix("test_")))


if __name__ == "__main__":
    sys.exit(main())
