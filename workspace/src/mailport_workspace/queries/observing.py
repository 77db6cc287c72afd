"""How much waits, across all tenants: what metrics and the operator's check-up show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute

from mailport_workspace.queries.base import Across
from mailport_workspace.tables import (
    AccountState,
    Inbox,
    IntakeEntry,
    IntakeState,
    OutboxEntry,
    OutboxState,
    Quarantined,
    Tenant,
    WebhookDelivery,
    WebhookState,
    Worker,
)

__all__ = ["AcrossObserving", "Backlog", "StuckInbox"]

_OUTBOX = (OutboxState.QUEUED, OutboxState.CLAIMED, OutboxState.SENDING, OutboxState.UNCERTAIN, OutboxState.HELD)
_INTAKE = (IntakeState.QUEUED, IntakeState.CLAIMED, IntakeState.PARKED)
_WEBHOOKS = (WebhookState.QUEUED, WebhookState.CLAIMED)
_ALIVE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What is not finished, by state; ``oldest_due`` is in seconds, 0 where nothing is late."""

    outbox: dict[str, int]
    intake: dict[str, int]
    webhooks: dict[str, int]
    oldest_due: float
    circuits_open: int
    inboxes_failing: int
    quarantined: int
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckInbox:
    """An enabled inbox that makes no progress."""

    tenant: str
    name: str
    due_since: datetime
    failures: int
    last_error: str


class AcrossObserving(Across):
    """Of all tenants."""

    async def backlog(self, moment: datetime) -> Backlog:
        """Return how much waits at ``moment``."""
        is_due = (OutboxEntry.state == OutboxState.QUEUED) & (OutboxEntry.due_at <= moment)
        oldest = await self._session.scalar(select(func.min(OutboxEntry.due_at)).where(is_due))
        return Backlog(
            outbox=await self._by_state(OutboxEntry.state, _OUTBOX),
            intake=await self._by_state(IntakeEntry.state, _INTAKE),
            webhooks=await self._by_state(WebhookDelivery.state, _WEBHOOKS),
            oldest_due=(moment - oldest).total_seconds() if oldest else 0.0,
            circuits_open=await self._count(AccountState.circuit_opened_at.is_not(None)),
            inboxes_failing=await self._count(Inbox.enabled & (Inbox.failures > 0)),
            quarantined=await self._count(Quarantined.released_at.is_(None)),
            workers=await self._count(Worker.beat_at > moment - _ALIVE),
        )

    async def stuck_inboxes(self, *, due_before: datetime, limit: int = 20) -> Sequence[StuckInbox]:
        """Return enabled inboxes that nobody has polled although they were due before, or whose polls fail."""
        query = (
            select(Tenant.name, Inbox.name, Inbox.next_poll_at, Inbox.failures, Inbox.last_error)
            .join(Tenant, Tenant.id == Inbox.tenant_id)
            .where(Inbox.enabled, (Inbox.next_poll_at < due_before) | (Inbox.failures > 0))
            .order_by(Tenant.name, Inbox.name)
            .limit(limit)
        )
        found = (await self._session.execute(query)).all()
        return [StuckInbox(tenant=t, name=n, due_since=due, failures=f, last_error=e) for t, n, due, f, e in found]

    async def clock(self) -> datetime:
        """Return what time the database has."""
        moment: datetime = (await self._session.execute(select(func.now()))).scalar_one()
        return moment

    async def _by_state(self, column: InstrumentedAttribute[Any], states: Sequence[Any]) -> dict[str, int]:
        query = select(column, func.count()).where(column.in_(states)).group_by(column)
        counted = {str(state): count for state, count in (await self._session.execute(query)).all()}
        return {str(state): counted.get(str(state), 0) for state in states}

    async def _count(self, condition: ColumnElement[bool]) -> int:
        return await self._session.scalar(select(func.count()).where(condition)) or 0
