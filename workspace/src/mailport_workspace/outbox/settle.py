"""Writing results: a whole group in one transaction, equal ones in one statement, every one under its lease.

Where a mail is no longer held under the lease, somebody else took over: ``LeaseLost`` ends the transaction and the drainer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mailport_workspace.outbox.delivery import Delivered
from mailport_workspace.outbox.retry import FIRST_LOOKUP, Halt
from mailport_workspace.outbox.uncertain import LookedUp
from mailport_workspace.queries.draining import ClaimedMail
from mailport_workspace.storable import storable
from mailport_workspace.store import TenantRows
from mailport_workspace.tables import Attempt, JournalStep, OutboxEntry, OutboxState, RecipientReceipt, StepState
from mailport_workspace.tables.base import INDEXED_LENGTH, new_id
from mailport_workspace.tables.outbox import FINAL
from mailport_workspace.tenants.circuit import OUTGOING, open_circuit, pause
from mailport_workspace.webhooks.events import Event
from mailport_workspace.webhooks.tell import tell

__all__ = ["LeaseLost", "Settling"]

_EVENTS = {
    OutboxState.SENT: Event.MAIL_SENT,
    OutboxState.PARTLY_REFUSED: Event.MAIL_REFUSED,
    OutboxState.REFUSED: Event.MAIL_REFUSED,
    OutboxState.FAILED: Event.MAIL_REFUSED,
    OutboxState.HELD: Event.MAIL_HELD,
}
_LEFT = frozenset({OutboxState.SENT, OutboxState.PARTLY_REFUSED})
_HAPPENED = "sending"


class LeaseLost(RuntimeError):
    """Another drainer took over mails that this one holds."""


@dataclass(frozen=True, slots=True)
class _Change:
    """One row to change in the outbox and one in the history; rows with equal changes go together."""

    mail: ClaimedMail
    outbox: Mapping[str, Any]
    journal: Mapping[str, Any]


@dataclass(slots=True)
class Settling:
    """The results of one transaction. ``version`` is that of the settings by which was sent."""

    rows: TenantRows
    lease: str
    moment: datetime
    version: int
    _added: list[Any] = field(default_factory=list)

    async def delivered(self, results: Sequence[Delivered]) -> None:
        """Write what came of attempts: state, attempt, receipts, remainder, history; tell who wants to know."""
        await self._change([self._of_attempt(result) for result in results], is_attempt=True)
        attempts = [self._attempt(result) for result in results]
        await self.rows.insert(Attempt, attempts)
        received = zip(results, attempts, strict=True)
        await self.rows.insert(RecipientReceipt, [row for one, attempt in received for row in _receipts(one, attempt["id"])])
        for result in results:
            self._keep_details(result)
        await self._write()
        for result in results:
            await self._halt(result.decision.halt, result.decision.pause, result.cause)
        await self._tell([(result.mail, result.state, result.error) for result in results])

    async def looked_up(self, results: Sequence[LookedUp]) -> None:
        """Write what looks for uncertain mails led to."""
        await self._change([self._of_lookup(result) for result in results], is_attempt=False)
        for result in results:
            self._note("look-up", result.mail, result.text, is_well=bool(result.found))
        await self._write()
        for result in results:
            await self._halt(result.decision.halt, result.decision.pause, result.error)
        await self._tell([(r.mail, r.decision.state, r.text) for r in results if r.decision.state is not OutboxState.UNCERTAIN])

    async def _change(self, changes: Sequence[_Change], *, is_attempt: bool) -> None:
        outbox, journal = defaultdict(list), defaultdict(list)
        for change in changes:
            outbox[tuple(change.outbox.items())].append(change.mail.id)
            journal[tuple(change.journal.items())].append(change.mail.journal_id)
        for values, ids in outbox.items():
            if await self.rows.settle(ids, self.lease, dict(values)) != len(ids):
                raise LeaseLost
        for values, ids in journal.items():
            await self.rows.settle_journal(ids, dict(values), is_attempt=is_attempt)

    def _of_attempt(self, result: Delivered) -> _Change:
        outbox = self._outbox(result.state, result.decision.wait, result.code, result.error)
        errors = {"last_error": result.error, "error_detail": result.detail}
        if result.mail.parent_id and result.state is OutboxState.SENT:
            errors = {}  # what other recipients met stays
        counted = {"attempts": result.mail.attempts + 1, "lookups": 0}
        return _Change(result.mail, outbox | counted, self._journal(result.state) | errors)

    def _of_lookup(self, result: LookedUp) -> _Change:
        is_sent = result.decision.state is OutboxState.SENT
        looked = 0 if result.error else 1
        outbox = self._outbox(result.decision.state, result.decision.wait, "" if is_sent else "send.uncertain", result.text)
        errors = {"last_error": "", "error_detail": ""} if is_sent else {"last_error": result.text}
        return _Change(
            result.mail, outbox | {"lookups": result.mail.lookups + looked}, self._journal(result.decision.state) | errors
        )

    def _outbox(self, state: OutboxState, wait: float, code: str, reason: str) -> dict[str, Any]:
        due = {"due_at": self.moment + timedelta(seconds=wait)} if state in (OutboxState.QUEUED, OutboxState.UNCERTAIN) else {}
        ended = {"finished_at": self.moment} if state in FINAL else {}
        return {"state": state, "last_code": code, "reason": "" if state is OutboxState.SENT else reason} | due | ended

    def _journal(self, state: OutboxState) -> dict[str, Any]:
        return {"sent": True, "sent_at": self.moment} if state in _LEFT else {}

    def _attempt(self, result: Delivered) -> dict[str, Any]:
        return {
            "id": new_id(),
            "outbox_id": result.mail.id,
            "number": result.mail.attempts + 1,
            "started_at": result.started_at,
            "finished_at": self.moment,
            "outcome": result.state,
            "code": result.code,
            "error": result.error,
            "error_detail": result.detail,
        }

    def _keep_details(self, result: Delivered) -> None:
        if result.left:
            self._added.append(self._remainder(result))
        if result.state is not OutboxState.SENT:
            self._note(_HAPPENED, result.mail, result.error, is_well=False, code=result.code)

    def _remainder(self, result: Delivered) -> OutboxEntry:
        """Return an entry for recipients that are to be tried again, while the others of the mail have their answer."""
        mail = result.mail
        sender = {"from": mail.envelope["from"]} if "from" in mail.envelope else {}
        return OutboxEntry(
            journal_id=mail.journal_id,
            parent_id=mail.id,
            due_at=self.moment + timedelta(seconds=result.decision.wait),
            priority=mail.priority,
            attempts=mail.attempts + 1,
            envelope={**sender, "to": list(result.left)},
            automatic=mail.automatic,
            origin=mail.origin,
            created_at=self.moment,
        )

    def _note(self, step: str, mail: ClaimedMail, text: str, *, is_well: bool, code: str = "") -> None:
        state = StepState.DONE if is_well else StepState.FAILED
        self._added.append(
            JournalStep(journal_id=mail.journal_id, at=self.moment, step=step, state=state, code=code, text=text)
        )

    async def _write(self) -> None:
        await self.rows.add(*self._added)
        self._added = []

    async def _halt(self, halt: Halt, seconds: float | None, error: Any) -> None:
        if halt is Halt.CIRCUIT and error is not None:
            opened = await open_circuit(self.rows, OUTGOING, error, version=self.version, moment=self.moment, pause=seconds)
            if opened:
                await tell(self.rows, Event.ACCOUNT_REFUSED, {"subject": OUTGOING, "code": error.code, "error": error.message})
        elif halt is Halt.PAUSE:
            await pause(self.rows, OUTGOING, self.moment, seconds or FIRST_LOOKUP)

    async def _tell(self, ended: Sequence[tuple[ClaimedMail, OutboxState, str]]) -> None:
        """One question for the whole group: in most tenants nobody wants to know."""
        wanted = {event for webhook in await self.rows.enabled_webhooks() for event in webhook.events}
        for mail, state, error in ended:
            event = _EVENTS.get(state)
            if event in wanted:
                payload = {"journal_id": mail.journal_id, "outbox_id": mail.id, "message_id": mail.message_id, "state": state}
                await tell(self.rows, event, payload | ({"error": error} if error else {}))


def _receipts(result: Delivered, attempt: str) -> list[dict[str, Any]]:
    return [
        {
            "attempt_id": attempt,
            "recipient": storable(one.address)[:INDEXED_LENGTH],
            "status": one.status,
            "code": one.enhanced_code or str(one.reply_code or ""),
            "reply": storable(one.text),
        }
        for one in {one.address: one for one in result.receipts}.values()
    ]
