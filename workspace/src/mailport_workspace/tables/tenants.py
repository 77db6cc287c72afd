"""What a tenant decides: users, configuration, inboxes, the small tables of its tabs, and who changed what."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from mailport_workspace.tables.base import ID_LENGTH, TenantOwned, now, refers_to, words

__all__ = [
    "AccountState",
    "AuditEntry",
    "ConnectionTest",
    "ImportConnection",
    "Inbox",
    "InboxCursor",
    "IncomingRule",
    "MailConfiguration",
    "Role",
    "Tab",
    "TabRow",
    "TenantSecrets",
    "User",
]


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


class User(TenantOwned):
    """A person who signs in."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("tenant_id", "email"),)

    email: Mapped[str] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(words(Role))
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
    """One mailbox that is read: its account as in ``MailConfiguration``, what to do with its mail, and how it fares.

    ``failures`` counts the polls in a row that failed. ``mailbox_key`` is the same for two inboxes on one
    mailbox and folder, and empty where there is no account. ``lease`` names the poll that reads it until
    ``leased_until``: nobody else does meanwhile.
    """

    __tablename__ = "inboxes"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        Index(None, "enabled", "next_poll_at"),
        Index(None, "shard", "enabled", "next_poll_at"),
        Index(None, "mailbox_key"),
    )

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
    last_error_code: Mapped[str] = mapped_column(String(100), default="", server_default="")
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    shard: Mapped[int] = mapped_column(default=0, server_default="0")
    mailbox_key: Mapped[str] = mapped_column(String(64), default="", server_default="")
    lease: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    leased_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class InboxCursor(TenantOwned):
    """Where the next poll of an inbox goes on; ``cursor`` is the transport's, wrapped so that it may be any JSON value."""

    __tablename__ = "inbox_cursors"
    __table_args__ = (refers_to("inboxes", "inbox_id"), UniqueConstraint("tenant_id", "inbox_id"))

    inbox_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    cursor: Mapped[dict[str, Any]] = mapped_column(default=dict)
    updated_at: Mapped[datetime] = mapped_column(default=now)


class TabRow(TenantOwned):
    """One row of one tab."""

    __tablename__ = "tab_rows"
    __table_args__ = (UniqueConstraint("tenant_id", "tab", "word"),)

    tab: Mapped[Tab] = mapped_column(words(Tab))
    word: Mapped[str] = mapped_column(String(500))
    meaning: Mapped[str] = mapped_column(Text, default="")


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


class TenantSecrets(TenantOwned):
    """Secrets that are no setting of an account, sealed: ``name`` says whose they are (``conversation``, ``records``)."""

    __tablename__ = "tenant_secrets"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str] = mapped_column(String(100))
    secrets: Mapped[dict[str, Any]] = mapped_column(default=dict)


class IncomingRule(TenantOwned):
    """One row of the ordered rules for incoming mail: skip rules first, then the first that fits decides (PLS-04).

    ``conditions`` and ``action`` are as ``tenants/incoming_rules.py`` validates them; ``inbox_id`` limits it to one inbox.
    """

    __tablename__ = "incoming_rules"
    __table_args__ = (UniqueConstraint("tenant_id", "name"), Index(None, "tenant_id", "position"))

    position: Mapped[int] = mapped_column(default=0)
    name: Mapped[str] = mapped_column(String(200))
    enabled: Mapped[bool] = mapped_column(default=True)
    skip: Mapped[bool] = mapped_column(default=False)
    inbox_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    conditions: Mapped[dict[str, Any]] = mapped_column(default=dict)
    action: Mapped[dict[str, Any]] = mapped_column(default=dict)


class ImportConnection(TenantOwned):
    """How records are made of exported mail: an XSLT 1.0 stylesheet, which inboxes name (XML-02)."""

    __tablename__ = "import_connections"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str] = mapped_column(String(200))
    stylesheet: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(default=now)


class AccountState(TenantOwned):
    """How an account fares: ``subject`` is ``outgoing`` or the id of an inbox.

    An open circuit (``circuit_opened_at``) is closed by another version of the settings, by a passed test, or by a person.
    ``wait_until`` is what the server asked for (Retry-After) at ``waits_since``; ``arrival`` is the rate limit: GCRA's
    theoretical arrival time. ``test_result`` is the last test connection's report. ``credential_ends_on`` is the day that a
    person entered.
    """

    __tablename__ = "account_states"
    __table_args__ = (UniqueConstraint("tenant_id", "subject"),)

    subject: Mapped[str] = mapped_column(String(ID_LENGTH))
    circuit_opened_at: Mapped[datetime | None]
    circuit_version: Mapped[int] = mapped_column(default=0)
    circuit_code: Mapped[str] = mapped_column(String(100), default="")
    circuit_error: Mapped[str] = mapped_column(Text, default="")
    wait_until: Mapped[datetime | None]
    waits_since: Mapped[datetime | None]
    arrival: Mapped[datetime | None]
    test_result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    tested_at: Mapped[datetime | None]
    credential_ends_on: Mapped[date | None]


class ConnectionTest(TenantOwned):
    """A test connection that was asked for: a worker runs it, ``report`` grows rung by rung, ``secrets`` go at its end."""

    __tablename__ = "connection_tests"
    __table_args__ = (Index(None, "finished_at", "created_at"),)

    subject: Mapped[str] = mapped_column(String(ID_LENGTH))
    values: Mapped[dict[str, Any]] = mapped_column("settings", default=dict)
    secrets: Mapped[dict[str, Any]] = mapped_column(default=dict)
    round_trip: Mapped[bool] = mapped_column(default=False)
    user_id: Mapped[str] = mapped_column(String(ID_LENGTH), default="")
    report: Mapped[dict[str, Any]] = mapped_column(default=dict)
    lease: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    leased_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
