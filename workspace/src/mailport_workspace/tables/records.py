"""The embedded record store: types, records, their history, attachments and people."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from mailport_workspace.tables.base import ID_LENGTH, INDEXED_LENGTH, TenantOwned, now, refers_to, words

__all__ = ["Activity", "ActivityKind", "Counter", "OutsideNumber", "Person", "Record", "RecordAttachment", "RecordType"]


class ActivityKind(StrEnum):
    """What one entry of a record's history tells."""

    CREATED = "created"
    CHANGED = "changed"
    MAIL_IN = "mail_in"
    MAIL_OUT = "mail_out"
    BOUNCE = "bounce"
    NOTE = "note"


class RecordType(TenantOwned):
    """A type of record that a tenant added, or a built-in one that it changed; ``records/types.py`` reads ``definition``."""

    __tablename__ = "record_types"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str] = mapped_column(String(100))
    definition: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Record(TenantOwned):
    """An incident, problem, task, ... ``fields`` are those of its type by name.

    ``opened_by`` is what created it (the journal id of a mail, and which of its records): the same thing creates no second one.
    """

    __tablename__ = "records"
    __table_args__ = (
        UniqueConstraint("tenant_id", "type", "number"),
        UniqueConstraint("tenant_id", "opened_by"),
        Index(None, "tenant_id", "type", "state"),
        Index(None, "tenant_id", "updated_at"),
    )

    type: Mapped[str] = mapped_column(String(100))
    number: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(100))
    title: Mapped[str] = mapped_column(Text, default="")
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
    person_id: Mapped[str | None] = mapped_column(String(ID_LENGTH), index=True)
    parent_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    opened_by: Mapped[str | None] = mapped_column(String(200))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)


class Activity(TenantOwned):
    """One entry of a record's history, and of the person's (INB-09). ``key`` keeps the same thing from being entered twice."""

    __tablename__ = "activities"
    __table_args__ = (
        refers_to("records", "record_id"),
        UniqueConstraint("tenant_id", "record_id", "key"),
        Index(None, "tenant_id", "person_id"),
    )

    record_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    kind: Mapped[ActivityKind] = mapped_column(words(ActivityKind))
    key: Mapped[str | None] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(default=now)
    author: Mapped[str] = mapped_column(String(320), default="")
    text: Mapped[str] = mapped_column(Text, default="")
    changes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    journal_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    person_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))


class RecordAttachment(TenantOwned):
    """A file of a record. ``raw_id`` stands in place of ``content`` where it is a complete mail that is stored anyway."""

    __tablename__ = "record_attachments"
    __table_args__ = (refers_to("records", "record_id"), Index(None, "tenant_id", "record_id"))

    record_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    activity_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    filename: Mapped[str] = mapped_column(Text)
    content_type: Mapped[str] = mapped_column(String(200))
    content_id: Mapped[str] = mapped_column(String(INDEXED_LENGTH), default="")
    size: Mapped[int] = mapped_column(default=0)
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    raw_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))


class Person(TenantOwned):
    """Somebody who writes to the tenant."""

    __tablename__ = "people"
    __table_args__ = (UniqueConstraint("tenant_id", "email"),)

    email: Mapped[str] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(300), default="")
    unit: Mapped[str] = mapped_column(String(200), default="")
    active: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)


class OutsideNumber(TenantOwned):
    """The number that another system gave to a record of ours (PLS-09); compared without regard to case."""

    __tablename__ = "outside_numbers"
    __table_args__ = (UniqueConstraint("tenant_id", "number"),)

    number: Mapped[str] = mapped_column(String(200))
    system: Mapped[str] = mapped_column(String(200), default="")
    record_type: Mapped[str] = mapped_column(String(100))
    record_id: Mapped[str] = mapped_column(String(200))


class Counter(TenantOwned):
    """The last number that was given, by name."""

    __tablename__ = "counters"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str] = mapped_column(String(100))
    value: Mapped[int] = mapped_column(default=0)
