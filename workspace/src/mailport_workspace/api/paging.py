"""Pages of a list: ``limit`` and ``after`` ask for one, ``next`` of the answer leads to the following one."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from mailport.errors import ConfigurationError
from mailport_workspace.queries.paging import Position

__all__ = ["Page", "Paging", "PagingOf"]

MOST = 200

Row = TypeVar("Row")
Shown = TypeVar("Shown")


class Page(BaseModel, Generic[Shown]):
    """Some items of a list; ``next`` is the ``after`` of the following page, and null on the last one."""

    items: list[Shown]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Paging:
    """What page is asked for."""

    limit: int
    after: Position | None

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Refuse a position that belongs to another list: ``one_page`` within the block cannot use it."""
        try:
            yield
        except ValueError as error:
            if self.after is None or isinstance(error, ConfigurationError):
                raise
            raise _strange() from error

    def page(
        self, rows: Sequence[Row], key: Callable[[Row], Sequence[str | datetime]], show: Callable[[Row], Shown]
    ) -> Page[Shown]:
        """Return the page of ``rows``, of which there is one more than ``limit`` if another page follows.

        ``key`` returns the columns by which the list is sorted, in their order.
        """
        here, more = rows[: self.limit], len(rows) > self.limit
        return Page(items=[show(row) for row in here], next=_packed(key(here[-1])) if more else None)


async def _paging(
    limit: Annotated[int, Query(ge=1, le=MOST, description="Items of a page.")] = 50,
    after: Annotated[str | None, Query(max_length=1000, description="`next` of the page before.")] = None,
) -> Paging:
    return Paging(limit, None if after is None else _position(after))


PagingOf = Annotated[Paging, Depends(_paging)]


def _packed(key: Sequence[str | datetime]) -> str:
    texts = [part.isoformat() if isinstance(part, datetime) else part for part in key]
    return base64.urlsafe_b64encode(json.dumps(texts).encode()).decode()


def _position(after: str) -> Position:
    try:
        found: Any = json.loads(base64.b64decode(after.encode(), altchars=b"-_", validate=True))
    except (ValueError, RecursionError, binascii.Error) as error:
        raise _strange() from error
    if not isinstance(found, list) or not found or not all(isinstance(part, str) and "\0" not in part for part in found):
        raise _strange()
    return found


def _strange() -> ConfigurationError:
    return ConfigurationError(
        "“after” is no position in this list.", code="request.cursor", remedy="Use “next” of the page before, unchanged."
    )
