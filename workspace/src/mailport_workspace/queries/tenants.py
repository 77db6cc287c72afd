"""What tenants decide: configuration, inboxes, tabs, users, audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import delete, func, select

from mailport_workspace.queries.base import Across, Bound, found
from mailport_workspace.tables import (
    AuditEntry,
    Inbox,
    InboxCursor,
    MailConfiguration,
    Tab,
    TabRow,
    Tenant,
    TenantSecrets,
    User,
    Webhook,
)

__all__ = ["AcrossTenants", "Sealed", "TenantQueries"]

Sealed = TypeVar("Sealed", bound=MailConfiguration | Inbox | TenantSecrets | Webhook)


class TenantQueries(Bound):
    """Of one tenant."""

    async def tenant(self) -> Tenant:
        """Return the tenant itself."""
        tenant: Tenant | None = await self._session.scalar(select(Tenant))
        return found(tenant, "tenant")

    async def configuration(self, *, for_update: bool = False) -> MailConfiguration:
        """Return the mail configuration; ``for_update`` keeps other writers waiting."""
        query = select(MailConfiguration)
        return found(await self._session.scalar(query.with_for_update() if for_update else query), "mail configuration")

    async def inboxes(self) -> Sequence[Inbox]:
        """Return the inboxes, by name."""
        return (await self._session.scalars(select(Inbox).order_by(Inbox.name))).all()

    async def readable_inboxes(self) -> Sequence[Inbox]:
        """Return the inboxes that are to be read: a disabled one is not (CMP-03, INB-24)."""
        return (await self._session.scalars(select(Inbox).where(Inbox.enabled).order_by(Inbox.name))).all()

    async def inbox(self, inbox: str, *, for_update: bool = False) -> Inbox:
        """Return one inbox. Raises ``NotFound``, also for one of another tenant."""
        query = select(Inbox).where(Inbox.id == inbox)
        return found(await self._session.scalar(query.with_for_update() if for_update else query), "inbox")

    async def inbox_named(self, name: str) -> Inbox | None:
        """Return the inbox of that name, if there is one."""
        return await self._session.scalar(select(Inbox).where(Inbox.name == name))

    async def cursor(self, inbox: str) -> InboxCursor | None:
        """Return where the next poll of an inbox goes on."""
        return await self._session.scalar(select(InboxCursor).where(InboxCursor.inbox_id == inbox))

    async def tab(self, tab: Tab) -> Sequence[TabRow]:
        """Return the rows of one tab, by word."""
        return (await self._session.scalars(select(TabRow).where(TabRow.tab == tab).order_by(TabRow.word))).all()

    async def tabs(self) -> Sequence[TabRow]:
        """Return the rows of all tabs."""
        return (await self._session.scalars(select(TabRow).order_by(TabRow.tab, TabRow.word))).all()

    async def clear_tabs(self) -> None:
        """Delete the rows of all tabs."""
        await self._session.execute(delete(TabRow))

    async def users(self, *, for_update: bool = False) -> Sequence[User]:
        """Return the users, by address; ``for_update`` as they are once no other change of any is under way."""
        query = select(User).order_by(User.email)
        locked = query.with_for_update().execution_options(populate_existing=True)
        return (await self._session.scalars(locked if for_update else query)).all()

    async def user(self, user: str) -> User:
        """Return one user. Raises ``NotFound``."""
        return found(await self._session.scalar(select(User).where(User.id == user)), "user")

    async def user_by_email(self, email: str) -> User | None:
        """Return the user with that address, if there is one."""
        return await self._session.scalar(select(User).where(User.email == email))

    async def audit(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        """Return the latest changes, the newest first."""
        query = select(AuditEntry).order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(limit)
        return (await self._session.scalars(query)).all()


class AcrossTenants(Across):
    """Of all tenants."""

    async def remove_tenant(self, tenant: str) -> None:
        """Delete a tenant and everything it owns."""
        await self._session.execute(delete(Tenant).where(Tenant.id == tenant))

    async def tenants(self) -> Sequence[Tenant]:
        """Return all tenants, by name."""
        return (await self._session.scalars(select(Tenant).order_by(Tenant.name))).all()

    async def tenant_named(self, name: str) -> Tenant | None:
        """Return the tenant of that name, if there is one."""
        return await self._session.scalar(select(Tenant).where(func.lower(Tenant.name) == name.lower()))

    async def sealed_rows(self, kind: type[Sealed], *, after: str, limit: int) -> Sequence[Sealed]:
        """Return the next rows with secrets, by id, locked until the transaction ends."""
        query = select(kind).where(kind.id > after).order_by(kind.id).limit(limit).with_for_update()
        return (await self._session.scalars(query)).all()
