"""Outgoing mail that is to be sent, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.exc import IntegrityError

from mailport_workspace.queries.base import Across, Bound, found
from mailport_workspace.tables import (
    AccountState,
    JournalEntry,
    MailConfiguration,
    OutboxEntry,
    OutboxState,
    RawMessage,
    TenantSecrets,
)

__all__ = ["AcrossOutbox", "OutboxQueries"]


class OutboxQueries(Bound):
    """Of one tenant."""

    async def outbox(self, *, limit: int = 100) -> Sequence[OutboxEntry]:
        """Return outgoing mails, those due first at the front."""
        return (await self._session.scalars(select(OutboxEntry).order_by(OutboxEntry.due_at).limit(limit))).all()

    async def outbox_entry(self, outbox: str, *, for_update: bool = False) -> OutboxEntry:
        """Return what is to be done for one outgoing mail. Raises ``NotFound``."""
        query = select(OutboxEntry).where(OutboxEntry.id == outbox)
        return found(await self._session.scalar(query.with_for_update() if for_update else query), "outgoing mail")

    async def outbox_keyed(self, key: str) -> OutboxEntry | None:
        """Return the outgoing mail that was sent with that idempotency key, if there is one."""
        return await self._session.scalar(select(OutboxEntry).where(OutboxEntry.idempotency_key == key))

    async def insert_outbox(self, entry: Mapping[str, Any]) -> OutboxEntry | None:
        """Insert an entry; return the one that took its idempotency key at the same moment instead, if there is one."""
        key = entry["idempotency_key"]
        if key is None:
            await self.insert(OutboxEntry, [entry])
            return None
        try:
            async with self._session.begin_nested():
                await self.insert(OutboxEntry, [entry])
        except IntegrityError:
            return found(await self.outbox_keyed(key), "outgoing mail")
        return None

    async def forget_mail(self, journal: str, raw: str) -> None:
        """Delete a mail that was just stored, with its bytes."""
        await self._session.execute(delete(RawMessage).where(RawMessage.id == raw))
        await self._session.execute(delete(JournalEntry).where(JournalEntry.id == journal))

    async def raw_content(self, raw: str) -> bytes | None:
        """Return the bytes of a mail, or None where they are purged."""
        return await self._session.scalar(select(RawMessage.content).where(RawMessage.id == raw))

    async def latest_conversation(self, kind: str, record: str) -> str:
        """Return the conversation id of the latest mail about a record, or an empty string."""
        is_about = (
            (JournalEntry.record_type == kind) & (JournalEntry.record_id == record) & (JournalEntry.conversation_id != "")
        )
        latest = select(JournalEntry.conversation_id).where(is_about).order_by(JournalEntry.id.desc()).limit(1)
        return await self._session.scalar(latest) or ""

    async def tenant_secrets(self, name: str) -> TenantSecrets | None:
        """Return the secrets of that name, if there are any."""
        return await self._session.scalar(select(TenantSecrets).where(TenantSecrets.name == name))

    async def ensure_tenant_secrets(self, name: str) -> TenantSecrets:
        """Return the secrets of that name, locked; a row without any is made where there is none."""
        query = select(TenantSecrets).where(TenantSecrets.name == name).with_for_update()
        row = await self._session.scalar(query)
        if row is None:
            try:
                async with self._session.begin_nested():
                    self._session.add(row := TenantSecrets(name=name))
            except IntegrityError:  # somebody else made it at the same moment
                row = await self._session.scalar(query)
        return found(row, "secret")


class AcrossOutbox(Across):
    """Of all tenants."""

    async def due_outbox(self, moment: datetime, *, lost_before: datetime) -> Sequence[str]:
        """Return the tenants with outgoing mail that is due at ``moment``, or held since before ``lost_before``.

        Those whose account must wait, or whose circuit is open, are left out, unless a drainer left something behind.
        """
        is_waiting = OutboxEntry.state.in_((OutboxState.QUEUED, OutboxState.UNCERTAIN)) & (OutboxEntry.due_at <= moment)
        is_held = OutboxEntry.state.in_((OutboxState.CLAIMED, OutboxState.SENDING)) & (OutboxEntry.leased_at < lost_before)
        is_due = (is_waiting & ~_is_halted(moment)) | is_held
        return (await self._session.scalars(select(OutboxEntry.tenant_id).where(is_due).distinct())).all()


def _is_halted(moment: datetime) -> ColumnElement[bool]:
    """Whether the account of an entry's tenant stands still; ``tenants/circuit.py`` says the same of one situation."""
    is_waiting = AccountState.wait_until > moment
    is_same = AccountState.circuit_version == MailConfiguration.version
    is_open = AccountState.circuit_opened_at.is_not(None) & is_same & (is_waiting | AccountState.wait_until.is_(None))
    is_paused = AccountState.circuit_opened_at.is_(None) & is_waiting
    return exists().where(
        AccountState.tenant_id == OutboxEntry.tenant_id,
        AccountState.subject == "outgoing",
        MailConfiguration.tenant_id == OutboxEntry.tenant_id,
        is_open | is_paused,
    )
