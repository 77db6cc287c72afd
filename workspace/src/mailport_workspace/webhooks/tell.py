"""Writing what happened for every webhook that wants to know, in the transaction in which it happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mailport_workspace.tables import WebhookDelivery
from mailport_workspace.webhooks.events import Event

if TYPE_CHECKING:
    from mailport_workspace.store import TenantRows

__all__ = ["tell"]


async def tell(rows: TenantRows, event: str, payload: Mapping[str, Any]) -> None:
    """Write a delivery for every enabled webhook that wants ``event``; it is sent after the caller's commit.

    ``payload`` is JSON-ready and holds no secret. Raises ``ValueError`` for an event that nobody could ask for.
    """
    Event(event)
    wanting = [webhook for webhook in await rows.enabled_webhooks() if event in webhook.events]
    if wanting:
        await rows.add(*(WebhookDelivery(webhook_id=webhook.id, event=event, payload=dict(payload)) for webhook in wanting))
