"""Who is told what happened, and every delivery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from mailport_workspace.queries.base import Across, Bound, found
from mailport_workspace.tables import Webhook, WebhookDelivery, WebhookState

__all__ = ["AcrossWebhooks", "WebhookQueries"]


class WebhookQueries(Bound):
    """Of one tenant."""

    async def webhooks(self) -> Sequence[Webhook]:
        """Return all webhooks, by name."""
        return (await self._session.scalars(select(Webhook).order_by(Webhook.name))).all()

    async def enabled_webhooks(self) -> Sequence[Webhook]:
        """Return the webhooks that are told of anything."""
        return (await self._session.scalars(select(Webhook).where(Webhook.enabled).order_by(Webhook.name))).all()

    async def webhook(self, webhook: str, *, for_update: bool = False) -> Webhook:
        """Return one webhook. Raises ``NotFound``."""
        query = select(Webhook).where(Webhook.id == webhook)
        return found(await self._session.scalar(query.with_for_update() if for_update else query), "webhook")


class AcrossWebhooks(Across):
    """Of all tenants."""

    async def due_webhooks(self, moment: datetime, *, lost_before: datetime) -> Sequence[str]:
        """Return the tenants with deliveries that are due at ``moment``, or claimed before ``lost_before`` and lost."""
        is_due = (WebhookDelivery.state == WebhookState.QUEUED) & (WebhookDelivery.due_at <= moment)
        is_lost = (WebhookDelivery.state == WebhookState.CLAIMED) & (WebhookDelivery.leased_at < lost_before)
        return (await self._session.scalars(select(WebhookDelivery.tenant_id).where(is_due | is_lost).distinct())).all()
