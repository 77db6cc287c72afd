"""The history of every mail, either way: the entry, its steps, its bytes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from mailport_workspace.observing.traces import traceparent
from mailport_workspace.tables.base import ID_LENGTH, INDEXED_LENGTH, TenantOwned, now, refers_to, words

__all__ = ["JournalEntry", "JournalStep", "MailDirection", "MailKind", "Outcome", "RawMessage", "StepState"]


class MailDirection(StrEnum):
    """Which way a mail went."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


class MailKind(StrEnum):
    """What a mail is."""

    MAIL = "mail"
    BOUNCED = "bounced"


class Outcome(StrEnum):
    """What became of an incoming mail."""

    RECEIVED = "received"
    """It is stored and waits."""
    CREATED = "created"
    UPDATED = "updated"
    ATTACHED = "attached"
    """It belongs to a record that it did not change."""
    EXPORTED = "exported"
    IGNORED = "ignored"
    BOUNCED = "bounced"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    FAILED = "failed"
    TOO_LARGE = "too_large"
    """It is listed and stays in its mailbox until a person decides."""
    DELETED = "deleted"


class StepState(StrEnum):
    """How one step on the way of a mail ended."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


class RawMessage(TenantOwned):
    """The bytes of a mail, kept apart so that they can be purged before its history."""

    __tablename__ = "raw_messages"

    content: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)


class JournalEntry(TenantOwned):
    """The history of one mail, either way: its id traces the mail from receipt to outcome (LOG-02).

    ``error_detail`` is for administrators; ``delivery_key`` is the mailbox's own. ``record_*`` name the record it belongs to,
    ``related_id`` the entry of the mail that a bounce concerns. ``body_text`` is the stored text of an incoming mail after
    truncation; ``content_hash`` is equal for two copies of one mail, whatever way they came. Outgoing mail has no ``outcome``.
    What is done for the mail later goes on in the trace of ``traceparent``.
    """

    __tablename__ = "journal_entries"
    __table_args__ = (
        UniqueConstraint("tenant_id", "inbox_id", "delivery_key"),
        Index(None, "tenant_id", "message_id"),
        Index(None, "tenant_id", "created_at"),
        Index(None, "tenant_id", "content_hash"),
        Index(None, "tenant_id", "conversation_id"),
        Index(None, "tenant_id", "record_type", "record_id"),
    )

    direction: Mapped[MailDirection] = mapped_column(words(MailDirection))
    kind: Mapped[MailKind] = mapped_column(words(MailKind), default=MailKind.MAIL)
    message_id: Mapped[str] = mapped_column(String(INDEXED_LENGTH), default="")
    sender: Mapped[str] = mapped_column(Text, default="")
    recipients: Mapped[list[str]] = mapped_column(default=list)
    subject: Mapped[str] = mapped_column(Text, default="")
    inbox_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    inbox_name: Mapped[str] = mapped_column(String(200), default="")
    delivery_key: Mapped[str | None] = mapped_column(String(INDEXED_LENGTH))
    record_type: Mapped[str] = mapped_column(String(100), default="", server_default="")
    record_id: Mapped[str | None] = mapped_column(String(200), index=True)
    record_number: Mapped[str] = mapped_column(String(100), default="", server_default="")
    person_id: Mapped[str | None] = mapped_column(String(200))
    conversation_id: Mapped[str] = mapped_column(String(100), default="", server_default="")
    related_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    outcome: Mapped[Outcome | None] = mapped_column(words(Outcome))
    body_text: Mapped[str] = mapped_column(Text, default="", server_default="")
    content_hash: Mapped[str] = mapped_column(String(64), default="", server_default="")
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    traceparent: Mapped[str] = mapped_column(String(55), default=traceparent, server_default="")
    raw_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    size: Mapped[int] = mapped_column(default=0)
    sent: Mapped[bool] = mapped_column(default=False)
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(Text, default="")
    error_detail: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=now)


class JournalStep(TenantOwned):
    """One step on the way of a mail: which, when, how it ended and why (LOG-01)."""

    __tablename__ = "journal_steps"
    __table_args__ = (refers_to("journal_entries", "journal_id"), Index(None, "tenant_id", "journal_id"))

    journal_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    at: Mapped[datetime] = mapped_column(default=now)
    step: Mapped[str] = mapped_column(String(40))
    state: Mapped[StepState] = mapped_column(words(StepState), default=StepState.DONE)
    code: Mapped[str] = mapped_column(String(100), default="")
    text: Mapped[str] = mapped_column(Text, default="")
