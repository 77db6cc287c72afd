"""Mails that wait for a person: shown with the reason, and decided (INB-14, PLS-06, REL-04)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from mailport.errors import ConfigurationError
from mailport_workspace.engines import Engine
from mailport_workspace.intake.plan import max_size_of
from mailport_workspace.intake.queue import KIND
from mailport_workspace.intake.queues import close, put_back
from mailport_workspace.processing.recognising import DENY
from mailport_workspace.queries.paging import Position
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import JournalEntry, Outcome, Quarantined, Tab, TabRow, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields

__all__ = ["Quarantine"]


class Quarantine:
    """The quarantine of all tenants. Everybody who may read mail may decide; the history says who did."""

    def __init__(self, store: Store, engine: Engine, *, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock

    async def list(
        self,
        actor: Actor,
        *,
        inbox: str = "",
        code: str = "",
        decided: bool = False,
        after: Position | None = None,
        limit: int = 50,
    ) -> Sequence[tuple[Quarantined, JournalEntry]]:
        """Return a page of what waits (or, ``decided``, of what waited), the newest first; one more says there is more."""
        async with self._store.read(actor.tenant) as rows:
            return await rows.quarantine(inbox=inbox, code=code, decided=decided, after=after, limit=limit)

    async def replay(self, actor: Actor, journal: str) -> None:
        """Process a mail again as if it had just come: for failures whose cause is mended."""
        async with self._store.write(actor.tenant) as rows:
            await self._again(rows, actor, journal)
        await self._engine.enqueue(KIND, actor.tenant)

    async def release(self, actor: Actor, journal: str) -> None:
        """Process a mail again, past everything that only keeps strangers and machines from making records."""
        await self._release(actor, journal, "released")

    async def create_record(self, actor: Actor, journal: str) -> None:
        """Let the mail become a record of its inbox (PLS-06), or part of the one that it names."""
        await self._release(actor, journal, "created")

    async def mark_spam(self, actor: Actor, journal: str) -> None:
        """End the mail, and ignore its sender from now on (PLS-06)."""
        async with self._store.write(actor.tenant) as rows:
            await rows.quarantined(journal, for_update=True)
            entry = await rows.intake_entry(journal, for_update=True)
            ended = await close(rows, entry, actor, outcome=Outcome.IGNORED, decision="spam", at=self._clock())
            await _deny(rows, actor, ended.sender.lower())

    async def delete(self, actor: Actor, journal: str) -> None:
        """End the mail; its history stays."""
        async with self._store.write(actor.tenant) as rows:
            await rows.quarantined(journal, for_update=True)
            entry = await rows.intake_entry(journal, for_update=True)
            await close(rows, entry, actor, outcome=Outcome.DELETED, decision="deleted", at=self._clock())

    async def _release(self, actor: Actor, journal: str, decision: str) -> None:
        async with self._store.write(actor.tenant) as rows:
            held = await self._again(rows, actor, journal)
            held.released_at, held.decision = self._clock(), decision
        await self._engine.enqueue(KIND, actor.tenant)

    async def _again(self, rows: TenantRows, actor: Actor, journal: str) -> Quarantined:
        held = await rows.quarantined(journal, for_update=True)
        entry, history = await rows.intake_entry(journal, for_update=True), await rows.journal_entry(journal)
        if history.outcome is Outcome.TOO_LARGE:
            _refuse_too_large(history, max_size_of((await rows.configuration()).values))
        await put_back(rows, entry, history, actor, self._clock())
        return held


def _refuse_too_large(journal: JournalEntry, limit: int) -> None:
    if journal.size > limit:
        raise ConfigurationError(
            f"The message has {journal.size} bytes, and the largest message that is read has {limit}.",
            code="mail.too_large",
            field="max_message_size",
            remedy="Raise “Largest message” first.",
        )


async def _deny(rows: TenantRows, actor: Actor, sender: str) -> None:
    if not sender:
        raise ConfigurationError(
            "The mail names no sender who could be ignored.", code="mail.no_sender", remedy="Delete the mail instead."
        )
    known = {row.word.lower(): row for row in await rows.tab(Tab.SENDERS)}
    row = known.get(sender)
    before = {sender: row.meaning} if row else {}
    await rows.add(*changed_fields(actor, "senders", before, {sender: DENY}))
    if row is None:
        await rows.add(TabRow(tab=Tab.SENDERS, word=sender, meaning=DENY))
    else:
        row.meaning = DENY
