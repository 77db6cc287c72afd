"""The outbox: a mail is accepted, sent by a job of its tenant, and a person may decide what becomes of it. Start here.

``submit`` (``enqueue.py``) stores it. ``drain`` sends what is due (``drain.py``): each mail goes its way in ``delivery.py``,
its result is written in ``settle.py``. ``retry.py`` decides what an error means, ``uncertain.py`` what a missing answer means.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from mailport import Mailport, Message
from mailport_workspace.engines import Engine
from mailport_workspace.observing.traces import span
from mailport_workspace.outbox.accounts import Accounts
from mailport_workspace.outbox.actions import act
from mailport_workspace.outbox.drain import Drain, Draining, Limits, Stage
from mailport_workspace.outbox.enqueue import PLAIN, Submitted, Wish, store_mail
from mailport_workspace.outbox.retry import RetryRules
from mailport_workspace.outbox.states import Action
from mailport_workspace.sealing import KeyRing
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import OutboxState, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields
from mailport_workspace.tenants.circuit import OUTGOING, close_circuit
from mailport_workspace.tenants.configuration import Configurations

__all__ = ["JOB", "LOST", "Outbox"]

JOB = "drain"
"""The kind of the job that sends the mail of one tenant; its key is the tenant's id."""
LOST = timedelta(seconds=5)
"""After which time without a sign of its drainer a mail is worth a look: whoever looks first takes it over."""


class Outbox:
    """The outgoing mail of all tenants."""

    def __init__(
        self,
        store: Store,
        configurations: Configurations,
        mailport: Mailport,
        ring: KeyRing,
        engine: Engine,
        *,
        rules: RetryRules | None = None,
        limits: Limits | None = None,
        clock: Callable[[], datetime] = now,
        reached: Stage = lambda _: None,
    ) -> None:
        self._store = store
        self._ring = ring
        self._engine = engine
        self._draining = Draining(
            store=store,
            mailport=mailport,
            accounts=Accounts(configurations),
            rules=rules or RetryRules(),
            limits=limits or Limits(),
            clock=clock,
            reached=reached,
        )

    async def submit(self, tenant: str, message: Message, wish: Wish = PLAIN) -> Submitted:
        """Store a mail and return; it leaves afterwards, as ``wish`` says.

        Raises ``ConfigurationError`` for a mail that cannot be written down, and for another mail under the same idempotency
        key (``store.key_used``).
        """
        content = message.to_bytes(keep_bcc=True)
        with span("submit", tenant=tenant, origin=wish.origin):
            async with self._store.write(tenant) as rows:
                submitted = await store_mail(rows, self._ring, message, content, wish)
            await self.nudge(tenant)
        return submitted

    async def enqueue(self, rows: TenantRows, message: Message, wish: Wish = PLAIN) -> Submitted:
        """Do what ``submit`` does in the caller's transaction; ``nudge`` after its commit, or a worker finds it by itself."""
        return await store_mail(rows, self._ring, message, message.to_bytes(keep_bcc=True), wish)

    async def nudge(self, tenant: str) -> None:
        """Ask for the mail of a tenant to be sent now."""
        await self._engine.enqueue(JOB, tenant)

    async def drain(self, tenant: str) -> None:
        """Send the mail of one tenant that is due; this is the job. What is left after a while is the next job's."""
        if await Drain(self._draining, tenant).run():
            await self.nudge(tenant)

    async def resend(self, actor: Actor, outbox: str) -> Submitted:
        """Send a mail again, whatever became of it; where others have it already, to whom it was refused (SND-10, SND-24).

        This and the other actions return the entry that counts now. Raises ``NotFound``, and ``ConfigurationError``
        (``store.state``) where the state of the mail does not allow it.
        """
        return await self._act(actor, outbox, Action.RESEND)

    async def cancel(self, actor: Actor, outbox: str) -> Submitted:
        """Never send a mail that waits."""
        return await self._act(actor, outbox, Action.CANCEL)

    async def hold(self, actor: Actor, outbox: str) -> Submitted:
        """Keep a mail that waits until a person releases it."""
        return await self._act(actor, outbox, Action.HOLD)

    async def release(self, actor: Actor, outbox: str) -> Submitted:
        """Let a held mail go, not before it is due."""
        return await self._act(actor, outbox, Action.RELEASE)

    async def mark_sent(self, actor: Actor, outbox: str) -> Submitted:
        """Note that a held mail was sent: somebody has seen it at its recipient's."""
        return await self._act(actor, outbox, Action.MARK_SENT)

    async def close_circuit(self, actor: Actor) -> bool:
        """Let mail leave again although the settings are the same; say whether it had stopped (REL-06)."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            was_open = await close_circuit(rows, OUTGOING)
            await rows.add(*changed_fields(actor, "configuration", {"circuit": "open"} if was_open else {}, {}))
        await self.nudge(actor.tenant)
        return was_open

    async def _act(self, actor: Actor, outbox: str, action: Action) -> Submitted:
        async with self._store.write(actor.tenant) as rows:
            entry = await act(rows, actor, outbox, action)
            known = Submitted(journal_id=entry.journal_id, outbox_id=entry.id, state=entry.state, is_new=entry.id != outbox)
        if known.state is OutboxState.QUEUED:
            await self.nudge(actor.tenant)
        return known
