"""The queues of staged mail: what is due, who holds it, and in which order it is processed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from mailport import Mailport
from mailport_workspace.intake.attempt import Attempts, Claimed, Processor
from mailport_workspace.intake.handlers import INCOMING, HandlerSettings, settings_of
from mailport_workspace.intake.lease import LEASE_SECONDS, Reached, kept, nothing
from mailport_workspace.intake.plan import action_of
from mailport_workspace.intake.retry import LOST_ATTEMPTS
from mailport_workspace.intake.settle import ActionOf, write_verdict
from mailport_workspace.intake.verdict import Mailbox, Verdict
from mailport_workspace.observing.context import working_on
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import IntakeEntry, IntakeState, Outcome, StepState, new_id, now

__all__ = ["KIND", "Intake"]

KIND = "intake"
"""The kind of its jobs; the key is a tenant."""
_JOB_SECONDS = 15.0
"""After this time a job ends, and the next one goes on: other tenants want their turn."""
_SMALL = 32 * 1024
"""Bytes of a mail up to which it comes with its batch in any case."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Staged:
    """Which mails are wanted, all that are due where none are named; what their mailbox does with them; what they share."""

    journals: Collection[str]
    action_of: ActionOf
    shared: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What the mails of a batch have in common; ``raws`` are the bytes of those that came with it."""

    handler: HandlerSettings
    action_of: ActionOf
    raws: Mapping[str, bytes]
    shared: dict[str, object]


class Intake:
    """Works off the queues of tenants. A worker without a sign of life for ``lease_seconds`` loses what it holds."""

    def __init__(
        self,
        store: Store,
        mailport: Mailport,
        processor: Processor,
        *,
        reached: Reached = nothing,
        clock: Callable[[], datetime] = now,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._store = store
        self._action_of: ActionOf = partial(action_of, mailport)
        self._attempts = Attempts(store, processor, reached=reached, clock=clock)
        self._clock = clock
        self._seconds = lease_seconds

    async def work(self, tenant: str) -> None:
        """Process the due mail of a tenant: retries, what a person released, and what a crash left over."""
        until = time.monotonic() + _JOB_SECONDS
        with working_on(tenant=tenant):
            await self._take_over(tenant)
            for handler in await self._handlers(tenant):
                while time.monotonic() < until and await self._batch(tenant, handler):
                    pass

    async def process_staged(
        self, tenant: str, journals: Collection[str], *, actions: Mapping[Mailbox, str], seconds: float
    ) -> None:
        """Process mails that were just stored, at once; those for which there is no time are left to the jobs.

        ``actions`` are what their mailbox does with them: a change that was saved since the poll began does not count yet.
        What the tenant says about its mail is read once for all of them: a change counts from the next poll on (CFG-04).
        """
        until = time.monotonic() + seconds
        async with self._store.read(tenant) as rows:
            handler = settings_of(INCOMING, await rows.queue_handler(INCOMING))
        given: ActionOf = lambda _inbox, wanted: actions[wanted]  # noqa: E731
        waiting, shared = list(journals) if handler.active else [], dict[str, object]()
        while waiting and time.monotonic() < until:  # each once: a failed one waits for its next attempt
            batch, waiting = waiting[: handler.batch_size], waiting[handler.batch_size :]
            await self._batch(tenant, handler, _Staged(batch, given, shared))

    def lost_before(self, moment: datetime) -> datetime:
        """Return since when a worker must have been silent to lose what it holds."""
        return moment - timedelta(seconds=self._seconds)

    async def _handlers(self, tenant: str) -> list[HandlerSettings]:
        """Return the active queues with due mail, those of the highest priority first."""
        async with self._store.read(tenant) as rows:
            queues = await rows.due_queues(self._clock())
            known = {row.queue: row for row in await rows.queue_handlers()}
        handlers = [settings_of(queue, known.get(queue)) for queue in queues]
        return sorted((each for each in handlers if each.active), key=lambda each: (-each.priority, each.queue))

    async def _batch(self, tenant: str, handler: HandlerSettings, staged: _Staged | None = None) -> bool:
        """Claim and process one batch; say whether there was any mail."""
        lease = new_id()
        renew, give_back = partial(self._renew, tenant, lease), partial(self._give_back, tenant, lease)
        async with kept(renew, give_back, seconds=self._seconds):
            claimed = await self._claim(tenant, handler, lease, staged or _Staged((), self._action_of))
            for mail in claimed:
                await self._attempts.run(mail)
        return bool(claimed)

    async def _claim(self, tenant: str, handler: HandlerSettings, lease: str, staged: _Staged) -> list[Claimed]:
        moment = self._clock()
        async with self._store.write(tenant) as rows:
            entries = await rows.claimable(handler.queue, moment, limit=handler.batch_size, journals=staged.journals)
            for entry in entries:
                entry.state, entry.lease, entry.leased_at = IntakeState.CLAIMED, lease, moment
            histories = await rows.journal_entries([entry.journal_id for entry in entries])
            raw_ids = {entry.id: histories[entry.journal_id].raw_id or "" for entry in entries}
            at_most = None if handler.data_with_dispatch else _SMALL
            raws = await rows.raw_messages(raw_ids.values(), at_most=at_most) if entries else {}
        batch = _Batch(handler, staged.action_of, raws, staged.shared)
        return [_claimed(entry, raw_ids[entry.id], batch) for entry in entries]

    async def _renew(self, tenant: str, lease: str) -> None:
        async with self._store.write(tenant) as rows:
            await rows.renew_entries(lease, self._clock())

    async def _give_back(self, tenant: str, lease: str) -> None:
        async with self._store.write(tenant) as rows:
            await rows.give_back_entries(lease)

    async def _take_over(self, tenant: str) -> None:
        """Put back what workers held that are gone; a mail that takes its worker with it again and again is parked.

        Only the first that is left of a batch was in hand when its worker ended: the others had not been begun.
        """
        moment, begun = self._clock(), set[str | None]()
        async with self._store.write(tenant) as rows:
            for entry in await rows.lost_entries(self.lost_before(moment)):
                _log.warning("The worker of a mail gave no sign of life: the mail is processed again.")
                entry.attempts += entry.lease not in begun
                begun.add(entry.lease)
                entry.state, entry.lease, entry.leased_at, entry.due_at = IntakeState.QUEUED, None, moment, moment
                if entry.attempts >= LOST_ATTEMPTS:
                    await self._park(rows, entry, moment)

    async def _park(self, rows: TenantRows, entry: IntakeEntry, moment: datetime) -> None:
        said = f"The worker ended {entry.attempts} times while it processed this mail."
        entry.last_code = "mail.worker_lost"
        await rows.note(entry.journal_id, "process", said, state=StepState.FAILED, code=entry.last_code)
        verdict = Verdict(outcome=Outcome.FAILED, mailbox=Mailbox.FAILURE, last_error=said)
        await write_verdict(rows, await rows.in_hand(entry.id), verdict, self._action_of, moment)


def _claimed(entry: IntakeEntry, raw_id: str, batch: _Batch) -> Claimed:
    return Claimed(
        tenant=entry.tenant_id,
        entry=entry.id,
        lease=entry.lease or "",
        journal=entry.journal_id,
        inbox=entry.inbox_id,
        raw_id=raw_id,
        attempts=entry.attempts,
        raw=batch.raws.get(raw_id),
        shared=batch.shared,
        handler=batch.handler,
        action_of=batch.action_of,
    )
