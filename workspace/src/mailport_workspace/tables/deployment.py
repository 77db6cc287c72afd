"""What belongs to the deployment as a whole: workers, limits on strangers, shared tokens, facts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Float, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from mailport_workspace.tables.base import ID_LENGTH, Base, new_id, now

__all__ = ["Fact", "Gate", "SharedToken", "Worker"]


class Worker(Base):
    """A running worker; one that has not told of itself for a while is gone. ``lag`` is that of its event loop, in seconds."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    host: Mapped[str] = mapped_column(String(255), default="")
    started_at: Mapped[datetime] = mapped_column(default=now)
    beat_at: Mapped[datetime] = mapped_column(default=now)
    lag: Mapped[float] = mapped_column(Float, default=0.0)


class Gate(Base):
    """A limit on something that strangers may try, by a digest of who tries: ``arrival`` is GCRA's theoretical arrival time."""

    __tablename__ = "gates"

    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    arrival: Mapped[datetime] = mapped_column(default=now)


class SharedToken(Base):
    """An access token that all workers use, sealed; ``lease`` names who fetches it until ``leased_until`` (REL-07)."""

    __tablename__ = "shared_tokens"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    sealed: Mapped[str] = mapped_column(Text, default="")
    expires_at: Mapped[datetime | None]
    lease: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    leased_until: Mapped[datetime | None]


class Fact(Base):
    """Something that every process shall know, such as how often the plugins were loaded anew."""

    __tablename__ = "facts"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    value: Mapped[dict[str, Any]] = mapped_column(default=dict)
    updated_at: Mapped[datetime] = mapped_column(default=now)
