"""The outbox: a mail is accepted, sent by a job of its tenant, and a person may decide what becomes of it. Start here.

``submit`` (``enqueue.py``) stores it. ``drain`` sends what is due (``drain.py``).
"""

from __future__ import annotations

from datetime import datetime

from mailport import Mailport, Message
from mailport_workspace.engines import Engine
from mailport_workspace.outbox.enqueue import Submitted, Wish, store_mail
from mailport_workspace.records.interface import RecordRef
from mailport_workspace.sealing import KeyRing
from mailport_workspace.store import Store, TenantRows

__all__ = ["JOB", "Outbox"]

JOB = "drain"
"""The kind of the job that sends the mail of one tenant; its key is the tenant's id."""


class Outbox:
    """The outgoing mail of all tenants."""

    def __init__(self, store: Store, mailport: Mailport, ring: KeyRing, engine: Engine) -> None:
        self._store = store
        self._mailport = mailport
        self._ring = ring
        self._engine = engine

    async def submit(
        self,
        tenant: str,
        message: Message,
        *,
        record: RecordRef | None = None,
        due_at: datetime | None = None,
        priority: int = 0,
        idempotency_key: str | None = None,
        origin: str = "api",
        hold: bool = False,
    ) -> Submitted:
        """Store a mail and return; it leaves afterwards.

        ``due_at`` is when it leaves at the earliest, a higher ``priority`` leaves first, ``hold`` keeps it until a person
        releases it. The same ``idempotency_key`` returns the first mail. Raises ``ConfigurationError`` for a mail that cannot
        be written down, and for another mail under the same key (``store.key_used``).
        """
        wish = Wish(record=record, due_at=due_at, priority=priority, idempotency_key=idempotency_key, origin=origin, hold=hold)
        content = message.to_bytes(keep_bcc=True)
        async with self._store.write(tenant) as rows:
            submitted = await store_mail(rows, self._ring, message, content, wish)
        await self.nudge(tenant)
        return submitted

    async def enqueue(
        self,
        rows: TenantRows,
        message: Message,
        *,
        record: RecordRef | None = None,
        due_at: datetime | None = None,
        priority: int = 0,
        idempotency_key: str | None = None,
        origin: str = "api",
        hold: bool = False,
    ) -> Submitted:
        """Do what ``submit`` does in the caller's transaction; ``nudge`` after its commit, or a worker finds it by itself."""
        wish = Wish(record=record, due_at=due_at, priority=priority, idempotency_key=idempotency_key, origin=origin, hold=hold)
        return await store_mail(rows, self._ring, message, message.to_bytes(keep_bcc=True), wish)

    async def nudge(self, tenant: str) -> None:
        """Ask for the mail of a tenant to be sent now."""
        await self._engine.enqueue(JOB, tenant)
