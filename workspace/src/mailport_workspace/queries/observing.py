"""How much waits, across all tenants: what metrics and the operator's check-up show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    TenantOwned,
    WebhookDelivery,
    WebhookState,
    Worker,
)

__all__ = ["AcrossObserving", "Backlog", "StuckInbox", "TenantFigures"]

_OUTBOX = (OutboxState.QUEUED, OutboxState.CLAIMED, OutboxState.SENDING, OutboxState.UNCERTAIN, OutboxState.HELD)
_LEAVING = tuple(state for state in _OUTBOX if state is not OutboxState.HELD)
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
    """An enabled inbox that makes no progress; ``tenant`` and ``name`` are for people."""

    tenant_id: str
    inbox_id: str
    tenant: str
    name: str
    due_since: datetime
    failures: int
    last_error: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFigures:
    """How one tenant fares, in numbers: what waits to leave and to be processed, what waits for a person, what fails."""

    outgoing: int = 0
    incoming: int = 0
    held: int = 0
    quarantined: int = 0
    circuits_open: int = 0
    inboxes_failing: int = 0


class AcrossObserving(Across):
    """Of all tenants."""

    async def figures_of(self, tenants: Sequence[str]) -> Mapping[str, TenantFigures]:
        """Return how these tenants fare, by their ids."""
        counted = {
            "outgoing": await self._per_tenant(OutboxEntry, OutboxEntry.state.in_(_LEAVING), tenants),
            "incoming": await self._per_tenant(IntakeEntry, IntakeEntry.state.in_(_INTAKE), tenants),
            "held": await self._per_tenant(OutboxEntry, OutboxEntry.state == OutboxState.HELD, tenants),
            "quarantined": await self._per_tenant(Quarantined, Quarantined.released_at.is_(None), tenants),
            "circuits_open": await self._per_tenant(AccountState, AccountState.circuit_opened_at.is_not(None), tenants),
            "inboxes_failing": await self._per_tenant(Inbox, Inbox.enabled & (Inbox.failures > 0), tenants),
        }
        return {tenant: TenantFigures(**{name: count.get(tenant, 0) for name, count in counted.items()}) for tenant in tenants}

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
            select(Tenant.name, Inbox)
            .join(Tenant, Tenant.id == Inbox.tenant_id)
            .where(Inbox.enabled, Tenant.disabled_at.is_(None), (Inbox.next_poll_at < due_before) | (Inbox.failures > 0))
            .order_by(Tenant.name, Inbox.name)
            .limit(limit)
        )
        return [_stuck(tenant, inbox) for tenant, inbox in (await self._session.execute(query)).all()]

    async def clock(self) -> datetime:
        """Return what time the database has."""
        moment: datetime = (await self._session.execute(select(func.now()))).scalar_one()
        return moment

    async def _by_state(self, column: InstrumentedAttribute[Any], states: Sequence[Any]) -> dict[str, int]:
        query = select(column, func.count()).where(column.in_(states)).group_by(column)
        counted = {str(state): count for state, count in (await self._session.execute(query)).all()}
        return {str(state): counted.get(str(state), 0) for state in states}

    async def _per_tenant(
        self, table: type[TenantOwned], condition: ColumnElement[bool], tenants: Sequence[str]
    ) -> dict[str, int]:
        wanted = select(table.tenant_id, func.count()).where(table.tenant_id.in_(tenants), condition)
        return {
            str(tenant): int(count) for tenant, count in (await self._session.execute(wanted.group_by(table.tenant_id))).all()
        }

    async def _count(self, condition: ColumnElement[bool]) -> int:
        return await self._session.scalar(select(func.count()).where(condition)) or 0


def _stuck(tenant: str, inbox: Inbox) -> StuckInbox:
    return StuckInbox(
        tenant_id=inbox.tenant_id,
        inbox_id=inbox.id,
        tenant=tenant,
        name=inbox.name,
        due_since=inbox.next_poll_at,
        failures=inbox.failures,
        last_error=inbox.last_error,
        code=inbox.last_error_code,
    )
