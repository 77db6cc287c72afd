"""The queries, by name. Nothing else touches a session.

``Store.read`` and ``Store.write`` open one transaction for one tenant; ``Store.operate`` opens one across all of them, for the
operator and for workers. A transaction is committed when its block ends well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from sqlalchemy import delete, func, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from mailport.errors import ConfigurationError, NotFound, Unreachable
from mailport_workspace.database import WRITING, make_engine
from mailport_workspace.sessions import BoundSession, OperatorSession, TenantWall
from mailport_workspace.tables import (
    AuditEntry,
    Inbox,
    InboxCursor,
    JournalEntry,
    MailConfiguration,
    OutboxEntry,
    RawMessage,
    Tab,
    TabRow,
    Tenant,
    TenantOwned,
    User,
)

__all__ = ["OperatorRows", "Store", "TenantRows", "TenantWall"]

Sealed = TypeVar("Sealed", MailConfiguration, Inbox)
Found = TypeVar("Found")


class Store:
    """The database. ``operator_url`` signs in as the role that may work across tenants."""

    def __init__(self, url: URL | str, operator_url: URL | str | None = None, **options: Any) -> None:
        self._engine = make_engine(url, **options)
        is_same = operator_url is None or str(operator_url) == str(url)
        self._operator_engine = self._engine if is_same else make_engine(operator_url or url, **options)

    async def close(self) -> None:
        """Close every connection."""
        for engine in {id(engine): engine for engine in (self._engine, self._operator_engine)}.values():
            await engine.dispose()

    @asynccontextmanager
    async def read(self, tenant: str) -> AsyncIterator[TenantRows]:
        """Look at the rows of one tenant."""
        info = {"tenant": tenant, "read_only": True}
        async with _transaction(self._engine, BoundSession, info) as session:
            yield TenantRows(session)

    @asynccontextmanager
    async def write(self, tenant: str) -> AsyncIterator[TenantRows]:
        """Look at the rows of one tenant and change them."""
        engine = self._engine.execution_options(**{WRITING: True})
        async with _transaction(engine, BoundSession, {"tenant": tenant}) as session:
            yield TenantRows(session)

    @asynccontextmanager
    async def operate(self) -> AsyncIterator[OperatorRows]:
        """Look at the rows of all tenants and change them."""
        engine = self._operator_engine.execution_options(**{WRITING: True})
        async with _transaction(engine, OperatorSession, {}) as session:
            yield OperatorRows(session)


@asynccontextmanager
async def _transaction(engine: AsyncEngine, kind: type[Any], info: dict[str, Any]) -> AsyncIterator[AsyncSession]:
    session = AsyncSession(engine, sync_session_class=kind, info=info, expire_on_commit=False)
    with _database_errors():
        async with session, session.begin():
            yield session


@contextmanager
def _database_errors() -> Iterator[None]:
    """Say in our own words what a database refuses; its own text may hold what was to be stored."""
    try:
        yield
    except IntegrityError as error:
        raise ConfigurationError(
            "Another row has the same name or key.", code="store.conflict", remedy="Reload, and try again."
        ) from error
    except DataError as error:
        raise ConfigurationError(
            "The database cannot store a value: it is too long, or holds a NUL character.", code="store.value"
        ) from error
    except (OperationalError, InterfaceError) as error:
        raise Unreachable(
            "The database does not answer, is locked, or its disk is full.",
            code="store.unavailable",
            remedy="Try again; if it stays so, look at the database.",
        ) from error


class TenantRows:
    """The rows of one tenant, within one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, *rows: TenantOwned) -> None:
        """Insert rows; they become this tenant's."""
        self._session.add_all(rows)
        await self._session.flush()

    async def remove(self, row: TenantOwned) -> None:
        """Delete one row."""
        await self._session.delete(row)
        await self._session.flush()

    async def tenant(self) -> Tenant:
        """Return the tenant itself."""
        tenant: Tenant | None = await self._session.scalar(select(Tenant))
        return _found(tenant, "tenant")

    async def configuration(self, *, for_update: bool = False) -> MailConfiguration:
        """Return the mail configuration; ``for_update`` keeps other writers waiting."""
        query = select(MailConfiguration)
        return _found(await self._session.scalar(query.with_for_update() if for_update else query), "mail configuration")

    async def inboxes(self) -> Sequence[Inbox]:
        """Return the inboxes, by name."""
        return (await self._session.scalars(select(Inbox).order_by(Inbox.name))).all()

    async def readable_inboxes(self) -> Sequence[Inbox]:
        """Return the inboxes that are to be read: a disabled one is not (CMP-03, INB-24)."""
        return (await self._session.scalars(select(Inbox).where(Inbox.enabled).order_by(Inbox.name))).all()

    async def inbox(self, inbox: str, *, for_update: bool = False) -> Inbox:
        """Return one inbox. Raises ``NotFound``, also for one of another tenant."""
        query = select(Inbox).where(Inbox.id == inbox)
        return _found(await self._session.scalar(query.with_for_update() if for_update else query), "inbox")

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

    async def users(self) -> Sequence[User]:
        """Return the users, by address."""
        return (await self._session.scalars(select(User).order_by(User.email))).all()

    async def user(self, user: str) -> User:
        """Return one user. Raises ``NotFound``."""
        return _found(await self._session.scalar(select(User).where(User.id == user)), "user")

    async def user_by_email(self, email: str) -> User | None:
        """Return the user with that address, if there is one."""
        return await self._session.scalar(select(User).where(User.email == email))

    async def audit(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        """Return the latest changes, the newest first."""
        query = select(AuditEntry).order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(limit)
        return (await self._session.scalars(query)).all()

    async def journal(self, *, limit: int = 100) -> Sequence[JournalEntry]:
        """Return the latest mails, the newest first."""
        query = select(JournalEntry).order_by(JournalEntry.created_at.desc(), JournalEntry.id.desc()).limit(limit)
        return (await self._session.scalars(query)).all()

    async def raw_message(self, raw: str) -> RawMessage:
        """Return the bytes of a mail. Raises ``NotFound``."""
        return _found(await self._session.scalar(select(RawMessage).where(RawMessage.id == raw)), "raw message")

    async def outbox(self, *, limit: int = 100) -> Sequence[OutboxEntry]:
        """Return outgoing mails, those due first at the front."""
        return (await self._session.scalars(select(OutboxEntry).order_by(OutboxEntry.due_at).limit(limit))).all()


class OperatorRows:
    """The rows of all tenants, within one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, *rows: Tenant | TenantOwned) -> None:
        """Insert rows, which say themselves whose they are; rows that others refer to come first."""
        for row in rows:
            self._session.add(row)
            await self._session.flush()

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


def _found(row: Found | None, what: str) -> Found:
    if row is None:
        raise NotFound(f"There is no such {what}.", code="store.missing", remedy="It may have been deleted; reload the list.")
    return row
