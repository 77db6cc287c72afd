"""What people do with queues: look into them, say how they are worked off, take a mail out, move and start again (QUE-03)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from mailport.errors import ConfigurationError
from mailport_workspace.engines import Engine
from mailport_workspace.intake.handlers import INCOMING, HandlerSettings, settings_of
from mailport_workspace.intake.queue import KIND
from mailport_workspace.queries.intake import StagedMail
from mailport_workspace.queries.paging import Position
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import (
    FinishState,
    IntakeEntry,
    IntakeState,
    JournalEntry,
    Outcome,
    QueueHandler,
    StepState,
    now,
)
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields
from mailport_workspace.tenants.values import problems_of, refuse, refuse_unstorable

__all__ = ["Queues", "close", "put_back"]

_STARTED_AT_ONCE = 500


class Queues:
    """The queues of all tenants."""

    def __init__(self, store: Store, engine: Engine, *, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock

    async def list(self, actor: Actor) -> Sequence[tuple[HandlerSettings, Mapping[IntakeState, int]]]:
        """Return every queue that has mail or settings, with how many mails it holds by state."""
        async with self._store.read(actor.tenant) as rows:
            known = {row.queue: row for row in await rows.queue_handlers()}
            counts = await rows.queue_counts()
        return [(settings_of(name, known.get(name)), counts.get(name, {})) for name in sorted({INCOMING, *known, *counts})]

    async def mails(
        self, actor: Actor, *, queue: str = "", state: IntakeState | None = None, after: Position | None = None, limit: int = 50
    ) -> Sequence[StagedMail]:
        """Return a page of mails in queues, the newest first; ``after`` is the id of an entry; one more says there is more."""
        async with self._store.read(actor.tenant) as rows:
            return await rows.staged_mails(queue=queue, state=state, after=after, limit=limit)

    async def save(self, actor: Actor, form: Mapping[str, Any]) -> HandlerSettings:
        """Say how a queue is worked off. Raises ``ConfigurationError`` that names every field at fault."""
        actor.require_administrator()
        refuse_unstorable(form)
        refuse(problems_of(HandlerSettings, form))
        settings = HandlerSettings.model_validate(form)
        async with self._store.write(actor.tenant) as rows:
            row = await rows.queue_handler(settings.queue)
            before = settings_of(settings.queue, row).model_dump()
            await rows.add(*changed_fields(actor, f"queue {settings.queue}", before, settings.model_dump()))
            if row is None:
                await rows.add(QueueHandler(**settings.model_dump()))
            else:
                for name, value in settings.model_dump().items():
                    setattr(row, name, value)
        await self._engine.enqueue(KIND, actor.tenant)
        return settings

    async def delete(self, actor: Actor, journal: str) -> None:
        """Take one mail out of its queue; its history stays."""
        async with self._store.write(actor.tenant) as rows:
            entry = await rows.intake_entry(journal, for_update=True)
            await close(rows, entry, actor, outcome=Outcome.DELETED, decision="deleted", at=self._clock())

    async def move(self, actor: Actor, journals: Iterable[str], queue: str) -> None:
        """Put mails into another queue; those that are parked wait there until somebody starts them."""
        refuse_unstorable({"queue": queue})
        refuse(problems_of(HandlerSettings, {"queue": queue}))
        async with self._store.write(actor.tenant) as rows:
            for journal in journals:
                entry = await rows.intake_entry(journal, for_update=True)
                _refuse_claimed(entry)
                await rows.note(journal, "moved", f"{actor.name} moved it from “{entry.queue}” to “{queue}”.")
                entry.queue = queue
        await self._engine.enqueue(KIND, actor.tenant)

    async def start(self, actor: Actor, queue: str) -> int:
        """Process the parked mails of a queue again, at most 500 of them; return how many these are."""
        async with self._store.write(actor.tenant) as rows:
            parked = await rows.parked(queue, limit=_STARTED_AT_ONCE)
            histories = await rows.journal_entries([entry.journal_id for entry in parked])
            started = [entry for entry in parked if histories[entry.journal_id].raw_id is not None]
            for entry in started:
                await put_back(rows, entry, histories[entry.journal_id], actor, self._clock())
        await self._engine.enqueue(KIND, actor.tenant)
        return len(started)


async def put_back(rows: TenantRows, entry: IntakeEntry, journal: JournalEntry, actor: Actor, at: datetime) -> None:
    """Let a mail be processed again, with all its attempts. Without its bytes the mailbox is read again first."""
    _refuse_claimed(entry)
    entry.attempts, entry.last_code, entry.last_error, entry.finished_at = 0, "", "", None
    entry.leased_at = entry.due_at = at
    journal.outcome, journal.last_error, journal.error_detail = Outcome.RECEIVED, "", ""
    if journal.raw_id is not None:
        entry.state = IntakeState.QUEUED
    else:
        await _read_again(rows, entry, at)
    await rows.note(journal.id, "again", f"{actor.name} let it be processed again.")


async def close(
    rows: TenantRows, entry: IntakeEntry, actor: Actor, *, outcome: Outcome, decision: str, at: datetime
) -> JournalEntry:
    """End a mail by a person's decision, also while a worker processes it: what that makes does not count any more."""
    journal = await rows.journal_entry(entry.journal_id)
    journal.outcome = outcome
    entry.state, entry.lease, entry.leased_at, entry.finished_at = IntakeState.DONE, None, None, at
    entry.finish = FinishState.DONE if entry.finish is FinishState.WAITING else entry.finish
    held = await rows.quarantine_of(journal.id)
    if held is not None:
        held.released_at, held.decision = at, decision
    await rows.note(journal.id, decision, f"{actor.name} decided that.", state=StepState.SKIPPED)
    return journal


def _refuse_claimed(entry: IntakeEntry) -> None:
    if entry.state in (IntakeState.CLAIMED, IntakeState.QUEUED, IntakeState.UNREAD):
        raise ConfigurationError(
            "The mail waits to be processed, or is being processed.",
            code="mail.busy",
            remedy="Wait until it is parked or done.",
        )


async def _read_again(rows: TenantRows, entry: IntakeEntry, at: datetime) -> None:
    """List the whole mailbox once more: that finds a message which was never read, wherever the cursor is."""
    inbox = await rows.find_inbox(entry.inbox_id)
    if inbox is None or not inbox.enabled:
        raise ConfigurationError(
            "The message is in its mailbox only, and the inbox is switched off or deleted.",
            code="mail.unread",
            remedy="Enable the inbox first.",
        )
    entry.state, entry.finish = IntakeState.UNREAD, FinishState.WAITING
    await rows.forget_cursor(entry.inbox_id)
    inbox.next_poll_at = at
