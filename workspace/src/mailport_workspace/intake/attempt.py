"""One attempt to process one claimed mail, and what its failure means: again later, or parked for a person (QUE-05)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailport import Message
from mailport.errors import MailportError, NotFound, PluginError
from mailport_workspace.intake.handlers import HandlerSettings
from mailport_workspace.intake.lease import LeaseLost, Reached
from mailport_workspace.intake.retry import Decision, after_failure, error_of
from mailport_workspace.intake.settle import ActionOf, write_verdict
from mailport_workspace.intake.verdict import Mailbox, Received, Settle, Verdict
from mailport_workspace.observing import metrics
from mailport_workspace.observing.context import working_on
from mailport_workspace.observing.traces import span
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import IntakeEntry, IntakeState, Outcome, StepState

__all__ = ["Attempts", "Claimed", "Processor"]

SECONDS_PER_MINUTE = 60.0

_log = logging.getLogger(__name__)


class Processor(Protocol):
    """What makes something of a mail."""

    async def process(self, received: Received, settle: Settle) -> None:
        """Process a mail, and settle it; what it raises counts as a failed attempt."""

    async def failed(self, received: Received, error: MailportError, settle: Settle) -> None:
        """Settle a mail whose last attempt failed with ``error``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A mail that this worker holds by ``lease``; ``raw`` are its bytes where they came with the batch.

    ``action_of`` says what its mailbox does with it: as the inbox was when its poll began, or as it is now.
    """

    tenant: str
    entry: str
    lease: str
    journal: str
    inbox: str
    raw_id: str
    attempts: int
    raw: bytes | None
    shared: dict[str, object]
    handler: HandlerSettings
    action_of: ActionOf


class Settling:
    """Settles one claimed mail, and remembers the outcome."""

    def __init__(self, mail: Claimed, clock: Callable[[], datetime]) -> None:
        self._mail = mail
        self._clock = clock
        self.outcome: Outcome | None = None

    async def __call__(self, rows: TenantRows, verdict: Verdict) -> None:
        """Write the verdict in the caller's transaction. Raises ``LeaseLost`` where somebody else holds the mail."""
        mail = await rows.leased_in_hand(self._mail.entry, self._mail.lease)
        if mail is None:
            raise LeaseLost("Another worker processes this mail by now, or a person took it away.")
        mail.entry.attempts = self._mail.attempts + 1
        await write_verdict(rows, mail, verdict, self._mail.action_of, self._clock())
        self.outcome = verdict.outcome


class Attempts:
    """Processes claimed mails. ``reached`` is told when a mail is ``processed``: its verdict is committed."""

    def __init__(self, store: Store, processor: Processor, *, reached: Reached, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._processor = processor
        self._reached = reached
        self._clock = clock

    async def run(self, mail: Claimed) -> None:
        """Process one mail; what goes wrong with it concerns no other (QUE-02)."""
        settling = Settling(mail, self._clock)
        about = {"tenant": mail.tenant, "inbox": mail.inbox, "message": mail.journal}
        with working_on(**about), span("process", **about):
            try:
                received = await self._received(mail)
                await self._settled(mail, settling, self._processor.process(received, settling))
            except LeaseLost as lost:
                _log.warning("%s", lost.message)
                return
            except Exception as error:
                await self._failed(mail, settling, error)
            if settling.outcome is not None:
                metrics.processed(settling.outcome)
                self._reached("processed")

    async def _settled(self, mail: Claimed, settling: Settling, work: Awaitable[None]) -> None:
        async with asyncio.timeout(mail.handler.timeout_minutes * SECONDS_PER_MINUTE):
            await work
        if settling.outcome is None:
            raise PluginError("The processing ended without a verdict.", code="mail.unsettled", remedy="Report this.")

    async def _received(self, mail: Claimed) -> Received:
        raw = mail.raw
        if raw is None:
            async with self._store.read(mail.tenant) as rows:
                raw = (await rows.raw_messages([mail.raw_id])).get(mail.raw_id)
        if raw is None:
            raise NotFound("The bytes of the mail are not kept any more.", code="mail.purged")
        return Received(
            tenant=mail.tenant,
            journal_id=mail.journal,
            inbox_id=mail.inbox,
            raw_id=mail.raw_id,
            message=Message.read(raw),
            attempt=mail.attempts + 1,
            queue=mail.handler.queue,
            shared=mail.shared,
        )

    async def _failed(self, mail: Claimed, settling: Settling, error: Exception) -> None:
        ours = error_of(error)
        _log.warning("A mail was not processed: %s", ours.message, exc_info=None if ours is error else error)
        settling.outcome = None  # what was settled in a transaction that failed does not count
        if await self._is_last(mail, ours):
            _log.error("A mail is parked after its last attempt: %s", ours.message)
            await self._give_up(mail, settling, ours)

    async def _is_last(self, mail: Claimed, error: MailportError) -> bool:
        """Note the failure; put the mail back unless that was its last attempt."""
        moment = self._clock()
        async with self._store.write(mail.tenant) as rows:
            entry = await rows.leased_entry(mail.entry, mail.lease)
            if entry is None:
                return False
            decision = after_failure(entry, error, attempts=mail.handler.attempts, at=moment)
            await _note_failure(rows, entry, error, decision)
        return decision.is_last

    async def _give_up(self, mail: Claimed, settling: Settling, error: MailportError) -> None:
        """Let the processing make what a failure leads to (INB-21); if that fails as well, park the mail without it."""
        try:
            received = await self._received(mail)
            await self._settled(mail, settling, self._processor.failed(received, error, settling))
        except LeaseLost as lost:
            _log.warning("%s", lost.message)
        except Exception as second:
            _log.warning("What a failure leads to failed as well: %s", error_of(second).message, exc_info=second)
            async with self._store.write(mail.tenant) as rows:
                await settling(rows, Verdict(outcome=Outcome.FAILED, mailbox=Mailbox.FAILURE, last_error=error.message))


async def _note_failure(rows: TenantRows, entry: IntakeEntry, error: MailportError, decision: Decision) -> None:
    is_news = decision.counts or entry.last_code != error.code
    entry.last_code, entry.last_error = error.code, error.message
    journal = await rows.journal_entry(entry.journal_id)
    journal.last_error, journal.error_detail = error.message, f"{error.code} {error.remedy}".strip()
    journal.attempts = entry.attempts + int(decision.counts)
    if is_news:
        await rows.note(journal.id, "process", error.message, state=StepState.FAILED, code=error.code)
    if not decision.is_last:
        entry.state, entry.lease = IntakeState.QUEUED, None
        entry.attempts, entry.due_at = journal.attempts, decision.due_at
