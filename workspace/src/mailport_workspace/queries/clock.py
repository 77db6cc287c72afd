"""What was begun in the future: a clock was ahead and has been put back since, or that of another machine is ahead.

Every wait and every lease has its beginning beside it. Where that lies ahead, the wait or lease begins now and lasts as long as
it was meant to: nothing waits out a jump of the clock, and no wait becomes shorter because two clocks differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, case, func, null, select

from mailport_workspace.queries.base import Across
from mailport_workspace.tables import (
    AccountState,
    ConnectionTest,
    IntakeEntry,
    IntakeState,
    OutboxEntry,
    OutboxState,
    WebhookDelivery,
    WebhookState,
    Worker,
)

__all__ = ["AcrossClock"]

_SKEW = timedelta(minutes=1)
"""By which the clocks of two machines may differ."""
_BATCH = 500

_Move: TypeAlias = Callable[[Any, datetime], None]


class AcrossClock(Across):
    """Of all tenants. What a person wished, such as when a mail leaves at the earliest, stays as it is."""

    async def is_ahead(self, moment: datetime) -> bool:
        """Whether anything was begun after ``moment``."""
        for query, _ in _ahead(moment):
            if (await self._session.execute(query.limit(1))).first() is not None:
                return True
        return False

    async def begin_at(self, moment: datetime) -> int:
        """Let what was begun after ``moment`` begin then, many rows at a time; return how many these were."""
        count = 0
        for query, move in _ahead(moment):
            rows = (await self._session.scalars(query.limit(_BATCH).with_for_update(skip_locked=True))).all()
            for row in rows:
                move(row, moment)
            await self._session.flush()
            count += len(rows)
        return count


def _ahead(moment: datetime) -> Iterator[tuple[Select[Any], _Move]]:
    """Yield what lies ahead, of each kind, and how it is moved."""
    late = moment + _SKEW
    for table, waiting, held in _TASKS:
        yield select(table).where(table.state.in_(waiting), table.due_at > moment, _began(table) > late), _move_wait
        yield select(table).where(table.state.in_(held), table.leased_at > late), _move_lease
    yield select(ConnectionTest).where(ConnectionTest.finished_at.is_(None), ConnectionTest.leased_at > late), _move_lease
    yield select(AccountState).where(AccountState.waits_since > late), _move_pause
    yield select(Worker).where(Worker.beat_at > late), _move_beat


_TASKS: tuple[tuple[Any, tuple[Any, ...], tuple[Any, ...]], ...] = (
    (OutboxEntry, (OutboxState.QUEUED, OutboxState.UNCERTAIN), (OutboxState.CLAIMED, OutboxState.SENDING)),
    (IntakeEntry, (IntakeState.QUEUED,), (IntakeState.CLAIMED,)),
    (WebhookDelivery, (WebhookState.QUEUED,), (WebhookState.CLAIMED,)),
)
"""Tables of what is to be done, with the states in which a row waits until ``due_at``, and in which it is held."""


def _began(table: Any) -> ColumnElement[Any]:
    """Return when a wait began: a row was in hand before it, or was made."""
    was_in_hand = func.coalesce(table.leased_at, table.created_at)
    if table is not OutboxEntry:
        return was_in_hand
    is_untried = OutboxEntry.attempts == 0  # then it waits for nothing, or for a time that a person named
    is_planned = OutboxEntry.due_at > OutboxEntry.created_at
    return case((is_untried & is_planned, null()), (is_untried, OutboxEntry.created_at), else_=was_in_hand)


def _move_wait(row: Any, moment: datetime) -> None:
    is_untried = isinstance(row, OutboxEntry) and row.attempts == 0
    began = row.created_at if is_untried or row.leased_at is None else row.leased_at
    row.due_at = moment + (row.due_at - began)
    row.leased_at = moment


def _move_lease(row: Any, moment: datetime) -> None:
    row.leased_at = moment


def _move_pause(row: AccountState, moment: datetime) -> None:
    if row.wait_until is not None and row.waits_since is not None:
        row.wait_until = moment + (row.wait_until - row.waits_since)
    row.waits_since = moment


def _move_beat(row: Worker, moment: datetime) -> None:
    row.beat_at = moment
