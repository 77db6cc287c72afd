"""Pages of a list: a page goes on behind the last row of the one before, whatever was added or deleted meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, DateTime, Select, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute

__all__ = ["Position", "one_page"]

Position: TypeAlias = Sequence[str]
"""The sorted columns of a row as text, moments in ISO 8601."""

Rows = TypeVar("Rows", bound=Select[*tuple[Any, ...]])


def one_page(
    query: Rows, *columns: InstrumentedAttribute[Any], after: Position | None, limit: int, descending: bool = True
) -> Rows:
    """Return ``query`` sorted by ``columns``, of which the last is unique, behind ``after``; one row more than ``limit``.

    The additional row says whether there is another page. Raises ``ValueError`` for a position of another list.
    """
    ordered = query.order_by(*(column.desc() if descending else column.asc() for column in columns)).limit(limit + 1)
    if after is None:
        return ordered
    here = tuple_(*columns)
    there = tuple_(*(_value(column, text) for column, text in zip(columns, after, strict=True)))
    return ordered.where(here < there if descending else here > there)


def _value(column: InstrumentedAttribute[Any], text: str) -> ColumnElement[Any]:
    is_moment = isinstance(getattr(column.type, "impl", column.type), DateTime)
    return literal(datetime.fromisoformat(text) if is_moment else text, column.type)
