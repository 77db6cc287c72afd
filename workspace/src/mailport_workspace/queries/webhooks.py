"""Who is told what happened, and every delivery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select

from mailport_workspace.queries.base import Across, Bound, found
from mailport_workspace.queries.paging import Position, one_page
from mailport_workspace.tables import Webhook, WebhookDelivery, WebhookState

__all__ = ["AcrossWebhooks", "WebhookQueries"]


class WebhookQueries(Bound):
    """Of one tenant."""

    _enabled: Sequence[Webhook] | None = None

    async def webhooks(self) -> Sequence[Webhook]:
        """Return all webhooks, by name."""
        return (await self._session.scalars(select(Webhook).order_by(Webhook.name))).all()

    async def enabled_webhooks(self) -> Sequence[Webhook]:
        """Return the webhooks that are told of anything; asked once in a transaction, in which much may happen."""
        if self._enabled is None:
            enabled = select(Webhook).where(Webhook.enabled).order_by(Webhook.name)
            self._enabled = (await self._session.scalars(enabled)).all()
        return self._enabled

    async def webhook(self, webhook: str, *, for_update: bool = False) -> Webhook:
        """Return one webhook. Raises ``NotFound``."""
        query = select(Webhook).where(Webhook.id == webhook)
        return found(await self._session.scalar(query.with_for_update() if for_update else query), "webhook")

    async def give_up_deliveries(self, webhook: str, why: str, moment: datetime) -> None:
        """Give up what waits for a webhook."""
        is_waiting = WebhookDelivery.state.in_((WebhookState.QUEUED, WebhookState.CLAIMED))
        query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook, is_waiting).with_for_update()
        for row in await self._session.scalars(query):
            row.state, row.lease, row.last_error, row.finished_at = WebhookState.FAILED, None, why, moment
        await self._session.flush()

    async def deliveries(self, webhook: str, *, after: Position | None, limit: int) -> Sequence[WebhookDelivery]:
        """Return a page of deliveries, the newest first."""
        query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook)
        page = one_page(query, WebhookDelivery.id, after=after, limit=limit)
        return (await self._session.scalars(page)).all()

    async def delivery(self, delivery: str, *, for_update: bool = False) -> WebhookDelivery:
        """Return one delivery. Raises ``NotFound``."""
        query = select(WebhookDelivery).where(WebhookDelivery.id == delivery)
        return found(await self._session.scalar(query.with_for_update() if for_update else query), "delivery")

    async def claimable_deliveries(
        self, webhook: str, moment: datetime, *, lost_before: datetime, limit: int
    ) -> Sequence[WebhookDelivery]:
        """Return what is to be delivered now, locked, the oldest first; others skip it."""
        query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook, _is_claimable(moment, lost_before))
        query = query.order_by(WebhookDelivery.due_at, WebhookDelivery.id).limit(limit).with_for_update(skip_locked=True)
        return (await self._session.scalars(query)).all()

    async def leased_delivery(self, delivery: str, lease: str) -> WebhookDelivery | None:
        """Return a delivery that is still held by ``lease``, locked."""
        query = select(WebhookDelivery).where(WebhookDelivery.id == delivery, WebhookDelivery.lease == lease)
        return await self._session.scalar(query.with_for_update())


class AcrossWebhooks(Across):
    """Of all tenants."""

    async def due_webhooks(self, moment: datetime, *, lost_before: datetime) -> Sequence[str]:
        """Return the tenants with deliveries that are due at ``moment``, or claimed before ``lost_before`` and lost."""
        is_told = WebhookDelivery.webhook_id.in_(select(Webhook.id).where(Webhook.enabled))  # else the job would find nothing
        is_due = is_told & _is_claimable(moment, lost_before)
        return (await self._session.scalars(select(WebhookDelivery.tenant_id).where(is_due).distinct())).all()


def _is_claimable(moment: datetime, lost_before: datetime) -> ColumnElement[bool]:
    is_due = (WebhookDelivery.state == WebhookState.QUEUED) & (WebhookDelivery.due_at <= moment)
    is_lost = (WebhookDelivery.state == WebhookState.CLAIMED) & (WebhookDelivery.leased_at < lost_before)
    return is_due | is_lost
