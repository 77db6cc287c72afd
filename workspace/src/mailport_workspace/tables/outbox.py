"""Outgoing mail: what is to be done, every attempt, and what became of each recipient."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from mailport_workspace.tables.base import ID_LENGTH, INDEXED_LENGTH, TenantOwned, now, refers_to, words

__all__ = ["FINAL", "Attempt", "OutboxEntry", "OutboxState", "RecipientReceipt"]


class OutboxState(StrEnum):
    """What became of an outgoing mail so far."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    SENDING = "sending"
    SENT = "sent"
    PARTLY_REFUSED = "partly_refused"
    REFUSED = "refused"
    BLOCKED = "blocked"
    UNCERTAIN = "uncertain"
    HELD = "held"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset(
    {
        OutboxState.SENT,
        OutboxState.PARTLY_REFUSED,
        OutboxState.REFUSED,
        OutboxState.BLOCKED,
        OutboxState.FAILED,
        OutboxState.CANCELLED,
    }
)
"""The states that only a person can end."""


class OutboxEntry(TenantOwned):
    """What is to be done for one outgoing mail. ``lease`` names the drainer that holds it since ``leased_at``.

    Without a lease ``leased_at`` is when it was tried last; queries/clock.py asks.

    ``envelope`` may name ``from`` and ``to`` where they differ from the headers; the remainder of a partly accepted mail has
    the ``parent_id`` of the entry it comes from and the deferred recipients as ``to``. ``lookups`` counts how often an
    uncertain mail was looked for; ``reason`` says in words why it is held, failed or blocked. ``origin`` says
    who sent it (SND-08).
    """

    __tablename__ = "outbox_entries"
    __table_args__ = (
        refers_to("journal_entries", "journal_id"),
        UniqueConstraint("tenant_id", "idempotency_key"),
        Index(None, "state", "due_at"),
        Index(None, "tenant_id", "state", "due_at"),
    )

    journal_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    state: Mapped[OutboxState] = mapped_column(words(OutboxState), default=OutboxState.QUEUED)
    due_at: Mapped[datetime] = mapped_column(default=now)
    priority: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    lease: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    leased_at: Mapped[datetime | None]
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    envelope: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    automatic: Mapped[str] = mapped_column(String(20), default="", server_default="")
    origin: Mapped[str] = mapped_column(String(40), default="api", server_default="api")
    parent_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    lookups: Mapped[int] = mapped_column(default=0, server_default="0")
    last_code: Mapped[str] = mapped_column(String(100), default="", server_default="")
    reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    finished_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Attempt(TenantOwned):
    """One try to send a mail, and how it ended."""

    __tablename__ = "attempts"
    __table_args__ = (refers_to("outbox_entries", "outbox_id"), UniqueConstraint("tenant_id", "outbox_id", "number"))

    outbox_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    number: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
    outcome: Mapped[OutboxState | None] = mapped_column(words(OutboxState))
    code: Mapped[str] = mapped_column(String(100), default="")
    error: Mapped[str] = mapped_column(Text, default="")
    error_detail: Mapped[str] = mapped_column(Text, default="")


class RecipientReceipt(TenantOwned):
    """What one attempt led to for one recipient, with the server's own words."""

    __tablename__ = "receipts"
    __table_args__ = (refers_to("attempts", "attempt_id"), UniqueConstraint("tenant_id", "attempt_id", "recipient"))

    attempt_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    recipient: Mapped[str] = mapped_column(String(INDEXED_LENGTH))
    status: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(100), default="")
    reply: Mapped[str] = mapped_column(Text, default="")
