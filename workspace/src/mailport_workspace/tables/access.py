"""Who may call: API tokens, signed-in browsers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from mailport_workspace.tables.base import ID_LENGTH, TenantOwned, now, refers_to

__all__ = ["ApiToken", "SignIn"]


class ApiToken(TenantOwned):
    """A token of a program: only a digest of it is stored. ``scopes`` say what it may do."""

    __tablename__ = "api_tokens"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]] = mapped_column(default=list)
    user_id: Mapped[str] = mapped_column(String(ID_LENGTH), default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SignIn(TenantOwned):
    """A signed-in browser: only digests of its cookie and of its token against forged requests are stored."""

    __tablename__ = "sign_ins"
    __table_args__ = (refers_to("users", "user_id"),)

    user_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    digest: Mapped[str] = mapped_column(String(64))
    csrf_digest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
