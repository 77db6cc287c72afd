"""What other systems are told: where to, and every delivery."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from mailport_workspace.tables.base import ID_LENGTH, TenantOwned, now, refers_to, words

__all__ = ["Webhook", "WebhookDelivery", "WebhookState"]


class WebhookState(StrEnum):
    """How far a delivery is."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    DELIVERED = "delivered"
    FAILED = "failed"


class Webhook(TenantOwned):
    """An address that is told about ``events``; ``secrets`` hold the sealed key that signs (``signing_key``)."""

    __tablename__ = "webhooks"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str] = mapped_column(String(200))
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[list[str]] = mapped_column(default=list)
    enabled: Mapped[bool] = mapped_column(default=True)
    secrets: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)


class WebhookDelivery(TenantOwned):
    """One event for one address, written with what it tells about, delivered until it is taken or given up."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        refers_to("webhooks", "webhook_id"),
        Index(None, "state", "due_at"),
        Index(None, "tenant_id", "state", "due_at"),
    )

    webhook_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    event: Mapped[str] = mapped_column(String(100))
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[WebhookState] = mapped_column(words(WebhookState), default=WebhookState.QUEUED)
    due_at: Mapped[datetime] = mapped_column(default=now)
    attempts: Mapped[int] = mapped_column(default=0)
    lease: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    leased_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
