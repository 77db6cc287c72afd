"""Lists and figures about everything that a tenant has: the outbox, accounts, changes, how much waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, defer

from mailport_workspace.queries.base import Across, Bound
from mailport_workspace.queries.paging import Position, one_page
from mailport_workspace.storable import Text
from mailport_workspace.tables import (
    AccountState,
    AuditEntry,
    IntakeEntry,
    IntakeState,
    JournalEntry,
    MailDirection,
    OutboxEntry,
    OutboxState,
    Quarantined,
    Record,
    TenantOwned,
    Worker,
)

__all__ = ["AcrossOverview", "AuditFilter", "Figures", "OverviewQueries"]

State = TypeVar("State", OutboxState, IntakeState)


_Word = Annotated[Text, Field(max_length=300)]


class AuditFilter(BaseModel):
    """Which changes a list shows; ``subject`` is the beginning of what was changed, such as ``inbox``."""

    model_config = ConfigDict(frozen=True)

    user: _Word = ""
    subject: _Word = ""
    field: _Word = ""
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How much there is. ``outbox`` counts mails that are neither sent nor cancelled, ``lately`` those since a moment."""

    outbox: Mapping[OutboxState, int]
    intake: Mapping[IntakeState, int]
    records: Mapping[str, Mapping[str, int]]
    quarantined: int
    received_lately: int
    sent_lately: int


class OverviewQueries(Bound):
    """Of one tenant."""

    async def outbox_page(
        self, *, states: Sequence[OutboxState], after: Position | None, limit: int
    ) -> Sequence[tuple[OutboxEntry, JournalEntry]]:
        """Return a page of the outbox with the histories of the mails, the newest first."""
        query = select(OutboxEntry, JournalEntry).join(JournalEntry, JournalEntry.id == OutboxEntry.journal_id)
        wanted = query.where(OutboxEntry.state.in_(states)) if states else query
        page = one_page(wanted, OutboxEntry.id, after=after, limit=limit)
        found = await self._session.execute(page.options(defer(JournalEntry.body_text, raiseload=True)))
        return [(entry, journal) for entry, journal in found.all()]

    async def account_states(self) -> Mapping[str, AccountState]:
        """Return how the accounts fare, by subject: ``outgoing`` or the id of an inbox."""
        return {state.subject: state for state in await self._session.scalars(select(AccountState))}

    async def audit_page(self, wanted: AuditFilter, *, after: Position | None, limit: int) -> Sequence[AuditEntry]:
        """Return a page of changes, the newest first."""
        query = select(AuditEntry).where(*_conditions(wanted))
        page = one_page(query, AuditEntry.at, AuditEntry.id, after=after, limit=limit)
        return (await self._session.scalars(page)).all()

    async def figures(self, since: datetime) -> Figures:
        """Return how much there is, and what came and went since a moment."""
        return Figures(
            outbox=await self._by_state(OutboxEntry.state, (OutboxState.SENT, OutboxState.CANCELLED)),
            intake=await self._by_state(IntakeEntry.state, (IntakeState.DONE,)),
            records=await self._records(),
            quarantined=await self._count(Quarantined, Quarantined.released_at.is_(None)),
            received_lately=await self._lately(since, JournalEntry.direction == MailDirection.INCOMING),
            sent_lately=await self._lately(since, (JournalEntry.direction == MailDirection.OUTGOING) & JournalEntry.sent),
        )

    async def _by_state(self, column: InstrumentedAttribute[State], ended: Sequence[State]) -> Mapping[State, int]:
        """Count by state what is not at its end; all that ever ended is too much to count for every page."""
        states = [state for state in column.type.python_type if state not in ended]
        query = select(column, func.count()).where(column.in_(states)).group_by(column)
        counted = {state: int(count) for state, count in (await self._session.execute(query)).all()}
        return {state: counted.get(state, 0) for state in states}

    async def _records(self) -> Mapping[str, Mapping[str, int]]:
        query = select(Record.type, Record.state, func.count()).group_by(Record.type, Record.state)
        counts: dict[str, dict[str, int]] = {}
        for kind, state, count in (await self._session.execute(query)).all():
            counts.setdefault(kind, {})[state] = count
        return counts

    async def _lately(self, since: datetime, condition: ColumnElement[bool]) -> int:
        return await self._count(JournalEntry, JournalEntry.created_at >= since, condition)

    async def _count(self, table: type[TenantOwned], *conditions: ColumnElement[bool]) -> int:
        return int(await self._session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0)


class AcrossOverview(Across):
    """Of all tenants."""

    async def has_worker(self, beat_after: datetime) -> bool:
        """Whether some worker told of itself since a moment; the statement also proves that the database answers."""
        return await self._session.scalar(select(Worker.id).where(Worker.beat_at > beat_after).limit(1)) is not None


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    conditions = [AuditEntry.user_id == wanted.user] if wanted.user else []
    conditions += [AuditEntry.subject.startswith(wanted.subject, autoescape=True)] if wanted.subject else []
    conditions += [AuditEntry.field == wanted.field] if wanted.field else []
    conditions += [AuditEntry.at >= wanted.since] if wanted.since else []
    return [*conditions, *([AuditEntry.at < wanted.until] if wanted.until else [])]
