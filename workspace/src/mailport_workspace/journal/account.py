"""What happened to a mail and why, told from its steps, attempts, receipts and decisions (LOG-02)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailport_workspace.store import TenantRows
from mailport_workspace.tables import (
    Attempt,
    JournalEntry,
    JournalStep,
    MailDirection,
    OutboxEntry,
    OutboxState,
    Outcome,
    Quarantined,
    RecipientReceipt,
    StepState,
)

__all__ = ["Happening", "MailHistory", "read_history"]

_STATES = {
    OutboxState.QUEUED: "It waits to be sent.",
    OutboxState.CLAIMED: "A worker prepares it.",
    OutboxState.SENDING: "It is being handed to the mail server.",
    OutboxState.SENT: "Every recipient was accepted.",
    OutboxState.PARTLY_REFUSED: "Some recipients were accepted, others were not.",
    OutboxState.REFUSED: "The mail server refused it for good. It can be sent again.",
    OutboxState.BLOCKED: "It was not sent: outgoing mail is blocked, or no recipient is left. It can be sent again.",
    OutboxState.UNCERTAIN: "It was handed over and no answer came: it is looked up before it is sent again.",
    OutboxState.HELD: "It waits for a person, who sends it, cancels it, or marks it as sent.",
    OutboxState.FAILED: "Its attempts are used up. It can be sent again.",
    OutboxState.CANCELLED: "A person cancelled it before it was sent.",
}
_OUTCOMES = {
    Outcome.RECEIVED: "It is stored and waits to be processed.",
    Outcome.CREATED: "It made the record {record}.",
    Outcome.UPDATED: "It changed the record {record}.",
    Outcome.ATTACHED: "It was attached to the record {record}.",
    Outcome.EXPORTED: "It was exported.",
    Outcome.IGNORED: "It was ignored, as a rule or its subject asks for.",
    Outcome.BOUNCED: "It is a report that a mail was not delivered.",
    Outcome.DUPLICATE: "It is a copy of a mail that came before.",
    Outcome.QUARANTINED: "It waits for a person.",
    Outcome.FAILED: "It could not be processed.",
    Outcome.TOO_LARGE: "It is larger than allowed and stays in its mailbox until a person decides.",
    Outcome.DELETED: "A person deleted it.",
}
_DECISIONS = {
    "released": "A person had it processed again.",
    "created": "A person made a record of it.",
    "spam": "A person marked it as spam.",
    "deleted": "A person deleted it.",
}
_REFUSED = ("refused", "deferred", "blocked", "uncertain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened to a mail, for a human to read; ``code`` is stable where there is one."""

    at: datetime
    text: str
    code: str = ""
    went_wrong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MailHistory:
    """All that is known of a mail; ``receipts`` by the id of their attempt."""

    entry: JournalEntry
    steps: Sequence[JournalStep]
    outbox: Sequence[OutboxEntry]
    attempts: Sequence[Attempt]
    receipts: Mapping[str, Sequence[RecipientReceipt]]
    quarantine: Quarantined | None

    @property
    def summary(self) -> str:
        """What became of the mail, in a sentence or two."""
        if self.entry.direction is MailDirection.OUTGOING:
            said = _STATES[self.outbox[-1].state] if self.outbox else "It is stored and not meant to be sent."
            why = self.outbox[-1].reason if self.outbox else ""
        else:
            said = _OUTCOMES[self.entry.outcome or Outcome.RECEIVED].format(record=self.entry.record_number)
            why = self.entry.last_error
        return f"{said} {why}".strip()

    def happenings(self) -> list[Happening]:
        """Return what happened, the oldest first."""
        return sorted([self._began(), *self._of_steps(), *self._of_attempts(), *self._of_quarantine()], key=_moment)

    def _began(self) -> Happening:
        if self.entry.direction is MailDirection.INCOMING:
            return Happening(
                at=self.entry.created_at, text=f"It was fetched from the inbox “{self.entry.inbox_name}” and stored."
            )
        origin = f" (from: {self.outbox[0].origin})" if self.outbox else ""
        return Happening(at=self.entry.created_at, text=f"It was accepted for sending and stored{origin}.")

    def _of_steps(self) -> Iterator[Happening]:
        for step in self.steps:
            said = f"{step.step}: {step.text or step.state}"
            yield Happening(at=step.at, text=said, code=step.code, went_wrong=step.state is StepState.FAILED)

    def _of_attempts(self) -> Iterator[Happening]:
        for attempt in self.attempts:
            at = attempt.finished_at or attempt.started_at
            went_wrong = attempt.outcome not in (None, OutboxState.SENT)
            yield Happening(at=at, text=_attempt_said(attempt), code=attempt.code, went_wrong=went_wrong)
            for receipt in self.receipts[attempt.id]:
                if receipt.status in _REFUSED:
                    said = f"{receipt.recipient} was {receipt.status}: {receipt.reply or 'the server gave no reason'}"
                    yield Happening(at=at, text=said, code=receipt.code, went_wrong=True)

    def _of_quarantine(self) -> Iterator[Happening]:
        held = self.quarantine
        if held is None:
            return
        yield Happening(at=held.created_at, text=f"It was kept for a person: {held.reason}", code=held.code, went_wrong=True)
        if held.released_at is not None:
            yield Happening(at=held.released_at, text=_DECISIONS.get(held.decision, "A person decided."))


async def read_history(rows: TenantRows, journal: str) -> MailHistory:
    """Return all that is known of a mail. Raises ``NotFound``."""
    entry = await rows.journal_entry(journal)
    attempts = await rows.attempts_of(journal)
    return MailHistory(
        entry=entry,
        steps=await rows.steps(journal),
        outbox=await rows.outbox_of(journal),
        attempts=attempts,
        receipts=await rows.receipts_of(attempts),
        quarantine=await rows.quarantine_of(journal),
    )


def _attempt_said(attempt: Attempt) -> str:
    if attempt.outcome is None:
        return f"Attempt {attempt.number} began and has not ended."
    ended = str(attempt.outcome).replace("_", " ")
    return f"Attempt {attempt.number} ended: {ended}. {attempt.error}".strip()


def _moment(happening: Happening) -> datetime:
    return happening.at
