"""Incoming mail that is to be processed, and what waits for a person."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from mailport_workspace.tables.base import ID_LENGTH, INDEXED_LENGTH, TenantOwned, now, refers_to, words

__all__ = ["FinishState", "IntakeEntry", "IntakeState", "Quarantined", "QueueHandler"]


class IntakeState(StrEnum):
    """How far the processing of a received mail is."""

    UNREAD = "unread"
    """It is listed, and its bytes are still in the mailbox only."""
    QUEUED = "queued"
    CLAIMED = "claimed"
    DONE = "done"
    PARKED = "parked"
    """Its attempts are used up, or a person must decide (QUE-05)."""


class FinishState(StrEnum):
    """What is still to be done with the message in its mailbox."""

    WAITING = "waiting"
    """It is not processed yet."""
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    """The mailbox refused for good; the message stays where it is."""


class IntakeEntry(TenantOwned):
    """What is to be done for one received mail. ``lease`` names the worker that holds it since ``leased_at``.

    Without a lease ``leased_at`` is since when it waits, None since it was made.

    ``action`` is what the mailbox shall do with the message (``leave``, ``read``, ``delete``, ``move:FOLDER``), decided when it
    was processed; ``moved_key`` is the message's key afterwards, where the server tells.
    """

    __tablename__ = "intake_entries"
    __table_args__ = (
        refers_to("journal_entries", "journal_id"),
        UniqueConstraint("tenant_id", "journal_id"),
        Index(None, "state", "due_at"),
        Index(None, "tenant_id", "state", "due_at"),
        Index(None, "tenant_id", "inbox_id", "finish"),
    )

    journal_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    inbox_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    queue: Mapped[str] = mapped_column(String(100), default="incoming")
    state: Mapped[IntakeState] = mapped_column(words(IntakeState), default=IntakeState.QUEUED)
    due_at: Mapped[datetime] = mapped_column(default=now)
    attempts: Mapped[int] = mapped_column(default=0)
    lease: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    leased_at: Mapped[datetime | None]
    last_code: Mapped[str] = mapped_column(String(100), default="")
    last_error: Mapped[str] = mapped_column(Text, default="")
    finish: Mapped[FinishState] = mapped_column(words(FinishState), default=FinishState.WAITING)
    action: Mapped[str] = mapped_column(String(300), default="")
    finish_attempts: Mapped[int] = mapped_column(default=0)
    moved_key: Mapped[str | None] = mapped_column(String(INDEXED_LENGTH))
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]


class QueueHandler(TenantOwned):
    """How a queue is worked off (QUE-04). Without a row a queue has the defaults.

    ``timeout_minutes`` is how long one mail may take; ``data_with_dispatch`` loads the bytes of a batch with its rows, not one
    by one.
    """

    __tablename__ = "queue_handlers"
    __table_args__ = (UniqueConstraint("tenant_id", "queue"),)

    queue: Mapped[str] = mapped_column(String(100))
    active: Mapped[bool] = mapped_column(default=True)
    batch_size: Mapped[int] = mapped_column(default=20)
    priority: Mapped[int] = mapped_column(default=0)
    timeout_minutes: Mapped[int] = mapped_column(default=5)
    attempts: Mapped[int] = mapped_column(default=3)
    data_with_dispatch: Mapped[bool] = mapped_column(default=False)


class Quarantined(TenantOwned):
    """A mail that waits for a person (INB-14, PLS-06): why, and the person's ``decision`` (released, created, spam)."""

    __tablename__ = "quarantine"
    __table_args__ = (refers_to("journal_entries", "journal_id"), UniqueConstraint("tenant_id", "journal_id"))

    journal_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    code: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)
    released_at: Mapped[datetime | None]
    decision: Mapped[str] = mapped_column(String(20), default="", server_default="")
