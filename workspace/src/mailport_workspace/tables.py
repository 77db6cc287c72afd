"""The tables. Every row but the tenant itself belongs to one tenant, and its key begins with it.

With the tenant in every primary key, a foreign key cannot point into another tenant. Secrets stand in the columns named
``secrets`` and nowhere else, sealed by ``sealing.py`` before they come here. What happened to a mail outlives the inbox and the
user it names: those are remembered by id and name, without a foreign key.
"""

from __future__ import annotations

import secrets as random
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy import Enum as WordType
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.schema import MetaData
from sqlalchemy.types import TypeDecorator

__all__ = [
    "Attempt",
    "AuditEntry",
    "Base",
    "Inbox",
    "InboxCursor",
    "JournalEntry",
    "MailConfiguration",
    "MailDirection",
    "MailKind",
    "OutboxEntry",
    "OutboxState",
    "Quarantined",
    "RawMessage",
    "RecipientReceipt",
    "Role",
    "Tab",
    "TabRow",
    "Tenant",
    "TenantOwned",
    "User",
    "new_id",
    "now",
]

ID_LENGTH = 32
INDEXED_LENGTH = 500  # PostgreSQL refuses an index entry of more than 2,704 bytes
_NAMES = {  # SQLite migrations can only change constraints that have a name
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return an id that nobody can guess and that sorts by the millisecond in which it was made: new rows lie together."""
    return f"{time.time_ns() // 1_000_000:012x}{random.token_hex(10)}"


class Moment(TypeDecorator[datetime]):
    """A moment with its time zone, on databases that keep none as well; UTC when it comes back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Store UTC. A moment without a time zone is refused: nobody would know what it means."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return UTC."""
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


class Role(StrEnum):
    """What a user may do: an administrator also reads and changes the configuration."""

    ADMINISTRATOR = "administrator"
    AGENT = "agent"


class Tab(StrEnum):
    """The small tables below the server form: each row is one word, and what it stands for where the tab has that."""

    TRUNCATE_BODY = "truncate_body"
    TASK_KEYWORDS = "task_keywords"
    APPROVAL_KEYWORDS = "approval_keywords"
    IGNORED_SUBJECTS = "ignored_subjects"
    FAILURE_SUBJECTS = "failure_subjects"
    OBJECT_NAMES = "object_names"
    SENDERS = "senders"
    TEMPLATES = "templates"


class MailDirection(StrEnum):
    """Which way a mail went."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


class MailKind(StrEnum):
    """What a mail is."""

    MAIL = "mail"
    BOUNCED = "bounced"


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


class Base(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        dict[str, Any]: JSON().with_variant(JSONB(), "postgresql"),
        list[str]: JSON().with_variant(JSONB(), "postgresql"),
        datetime: Moment(),
    }


def _words(kind: type[StrEnum]) -> Any:
    """Return the type of an enumeration: text, so that a new word needs no migration; a wrong one is never written."""
    return WordType(kind, native_enum=False, length=40, create_constraint=False, values_callable=lambda k: [m.value for m in k])


class Tenant(Base):
    """One customer of the host. ``options`` are its settings without a column of their own."""

    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)


class TenantOwned(Base):
    """What belongs to one tenant. A session that is bound to a tenant sees and writes only its rows."""

    __abstract__ = True

    @declared_attr
    def tenant_id(cls) -> Mapped[str]:  # noqa: N805 - SQLAlchemy calls it with the class
        """Whose row it is."""
        return mapped_column(String(ID_LENGTH), ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True, sort_order=-2)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id, sort_order=-1)


def _of(target: str, column: str) -> ForeignKeyConstraint:
    """Refer to a row of the same tenant; the row goes when its target goes."""
    return ForeignKeyConstraint(["tenant_id", column], [f"{target}.tenant_id", f"{target}.id"], ondelete="CASCADE")


class User(TenantOwned):
    """A person who signs in."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("tenant_id", "email"),)

    email: Mapped[str] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(_words(Role))
    password_hash: Mapped[str] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class MailConfiguration(TenantOwned):
    """The one mail configuration of a tenant: flat ``values`` by field name, and ``secrets`` sealed."""

    __tablename__ = "mail_configurations"
    __table_args__ = (UniqueConstraint("tenant_id"),)

    values: Mapped[dict[str, Any]] = mapped_column("settings", default=dict)
    secrets: Mapped[dict[str, Any]] = mapped_column(default=dict)
    custom: Mapped[dict[str, Any]] = mapped_column(default=dict)
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(default=now)


class Inbox(TenantOwned):
    """One mailbox that is read: its account as in ``MailConfiguration``, what to do with its mail, and how it fares."""

    __tablename__ = "inboxes"
    __table_args__ = (UniqueConstraint("tenant_id", "name"), Index(None, "enabled", "next_poll_at"))

    name: Mapped[str] = mapped_column(String(200))
    enabled: Mapped[bool] = mapped_column(default=False)
    values: Mapped[dict[str, Any]] = mapped_column("settings", default=dict)
    secrets: Mapped[dict[str, Any]] = mapped_column(default=dict)
    handling: Mapped[dict[str, Any]] = mapped_column(default=dict)
    version: Mapped[int] = mapped_column(default=1)
    next_poll_at: Mapped[datetime] = mapped_column(default=now)
    last_poll_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(Text, default="")
    backlog: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)


class InboxCursor(TenantOwned):
    """Where the next poll of an inbox goes on; ``cursor`` is the transport's, wrapped so that it may be any JSON value."""

    __tablename__ = "inbox_cursors"
    __table_args__ = (_of("inboxes", "inbox_id"), UniqueConstraint("tenant_id", "inbox_id"))

    inbox_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    cursor: Mapped[dict[str, Any]] = mapped_column(default=dict)
    updated_at: Mapped[datetime] = mapped_column(default=now)


class TabRow(TenantOwned):
    """One row of one tab."""

    __tablename__ = "tab_rows"
    __table_args__ = (UniqueConstraint("tenant_id", "tab", "word"),)

    tab: Mapped[Tab] = mapped_column(_words(Tab))
    word: Mapped[str] = mapped_column(String(500))
    meaning: Mapped[str] = mapped_column(Text, default="")


class RawMessage(TenantOwned):
    """The bytes of a mail, kept apart so that they can be purged before its history."""

    __tablename__ = "raw_messages"

    content: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)


class JournalEntry(TenantOwned):
    """The history of one mail, either way. ``error_detail`` is for administrators; ``delivery_key`` is the mailbox's own."""

    __tablename__ = "journal_entries"
    __table_args__ = (
        UniqueConstraint("tenant_id", "inbox_id", "delivery_key"),
        Index(None, "tenant_id", "message_id"),
        Index(None, "tenant_id", "created_at"),
    )

    direction: Mapped[MailDirection] = mapped_column(_words(MailDirection))
    kind: Mapped[MailKind] = mapped_column(_words(MailKind), default=MailKind.MAIL)
    message_id: Mapped[str] = mapped_column(String(INDEXED_LENGTH), default="")
    sender: Mapped[str] = mapped_column(Text, default="")
    recipients: Mapped[list[str]] = mapped_column(default=list)
    subject: Mapped[str] = mapped_column(Text, default="")
    inbox_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    inbox_name: Mapped[str] = mapped_column(String(200), default="")
    delivery_key: Mapped[str | None] = mapped_column(String(INDEXED_LENGTH))
    record_id: Mapped[str | None] = mapped_column(String(ID_LENGTH), index=True)
    raw_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    size: Mapped[int] = mapped_column(default=0)
    sent: Mapped[bool] = mapped_column(default=False)
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(Text, default="")
    error_detail: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=now)


class OutboxEntry(TenantOwned):
    """What is to be done for one outgoing mail. ``lease`` names the worker that holds it since ``leased_at``."""

    __tablename__ = "outbox_entries"
    __table_args__ = (
        _of("journal_entries", "journal_id"),
        UniqueConstraint("tenant_id", "idempotency_key"),
        Index(None, "state", "due_at"),
        Index(None, "tenant_id", "state", "due_at"),
    )

    journal_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    state: Mapped[OutboxState] = mapped_column(_words(OutboxState), default=OutboxState.QUEUED)
    due_at: Mapped[datetime] = mapped_column(default=now)
    priority: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    lease: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    leased_at: Mapped[datetime | None]
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Attempt(TenantOwned):
    """One try to send a mail, and how it ended."""

    __tablename__ = "attempts"
    __table_args__ = (_of("outbox_entries", "outbox_id"), UniqueConstraint("tenant_id", "outbox_id", "number"))

    outbox_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    number: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
    outcome: Mapped[OutboxState | None] = mapped_column(_words(OutboxState))
    code: Mapped[str] = mapped_column(String(100), default="")
    error: Mapped[str] = mapped_column(Text, default="")
    error_detail: Mapped[str] = mapped_column(Text, default="")


class RecipientReceipt(TenantOwned):
    """What one attempt led to for one recipient, with the server's own words."""

    __tablename__ = "receipts"
    __table_args__ = (_of("attempts", "attempt_id"), UniqueConstraint("tenant_id", "attempt_id", "recipient"))

    attempt_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    recipient: Mapped[str] = mapped_column(String(INDEXED_LENGTH))
    status: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(100), default="")
    reply: Mapped[str] = mapped_column(Text, default="")


class Quarantined(TenantOwned):
    """A mail that waits for a person: why, and whether it was released."""

    __tablename__ = "quarantine"
    __table_args__ = (_of("journal_entries", "journal_id"), UniqueConstraint("tenant_id", "journal_id"))

    journal_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    code: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)
    released_at: Mapped[datetime | None]


class AuditEntry(TenantOwned):
    """One changed field: who, when, from what to what. Secrets are masked."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "tenant_id", "at"),)

    at: Mapped[datetime] = mapped_column(default=now)
    user_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    user_name: Mapped[str] = mapped_column(String(200))
    subject: Mapped[str] = mapped_column(String(300))
    field: Mapped[str] = mapped_column(String(200))
    old: Mapped[str] = mapped_column(Text, default="")
    new: Mapped[str] = mapped_column(Text, default="")
