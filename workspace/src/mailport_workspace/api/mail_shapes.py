"""How mails are shown: in lists, with their history, with their content."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from mailport import Attachment, Message
from mailport_workspace.journal.account import MailHistory
from mailport_workspace.journal.harmless import harmless
from mailport_workspace.tables import (
    JournalEntry,
    MailDirection,
    MailKind,
    OutboxEntry,
    OutboxState,
    Outcome,
    StepState,
)

__all__ = ["FileShown", "MailContent", "MailShown", "MailSummary", "OutboxShown", "RecordNamed", "Shown"]


class Shown(BaseModel):
    """What is shown of a row."""

    model_config = ConfigDict(from_attributes=True)


class RecordNamed(Shown):
    """A record by its names: the id is the store's, the number is what people use."""

    type: str
    id: str
    number: str

    @classmethod
    def of(cls, entry: JournalEntry) -> Self | None:
        """Return the record that a mail belongs to."""
        if entry.record_id is None:
            return None
        return cls(type=entry.record_type, id=entry.record_id, number=entry.record_number)


class MailSummary(Shown):
    """A mail in a list. ``outcome`` is that of an incoming mail; ``sent`` and ``attempts`` are those of an outgoing one."""

    id: str
    direction: MailDirection
    kind: MailKind
    message_id: str
    sender: str
    recipients: list[str]
    subject: str
    inbox_id: str | None
    inbox_name: str
    record: RecordNamed | None = None
    person_id: str | None
    conversation_id: str
    related_id: str | None
    outcome: Outcome | None
    attempts: int
    sent: bool
    sent_at: datetime | None
    last_error: str
    size: int
    has_original: bool = Field(description="Whether the bytes are still there; they are purged before the history.")
    created_at: datetime

    @classmethod
    def of(cls, entry: JournalEntry, **more: Any) -> Self:
        """Return what is shown of a mail."""
        facts = {name: getattr(entry, name) for name in MailSummary.model_fields if name not in ("record", "has_original")}
        return cls(**facts, record=RecordNamed.of(entry), has_original=entry.raw_id is not None, **more)


class StepShown(Shown):
    """One step on the way of a mail."""

    at: datetime
    step: str
    state: StepState
    code: str
    text: str


class ReceiptShown(Shown):
    """What an attempt led to for one recipient, with the server's words."""

    recipient: str
    status: str
    code: str
    reply: str


class AttemptShown(Shown):
    """One try to send a mail. ``error_detail`` is shown to administrators only."""

    number: int
    outbox_id: str
    started_at: datetime
    finished_at: datetime | None
    outcome: OutboxState | None
    code: str
    error: str
    error_detail: str | None = None
    receipts: list[ReceiptShown] = Field(default_factory=list)


class OutboxShown(Shown):
    """What is to be done for an outgoing mail: its state, when it is due, and why it is held, failed or blocked."""

    id: str
    journal_id: str
    state: OutboxState
    due_at: datetime
    priority: int
    attempts: int
    idempotency_key: str | None
    origin: str
    parent_id: str | None
    last_code: str
    reason: str
    finished_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: OutboxEntry) -> Self:
        """Return what is shown of an entry of the outbox."""
        return cls.model_validate(row)


class QuarantineShown(Shown):
    """Why a mail waits, or waited, for a person, and what that person decided."""

    code: str
    reason: str
    created_at: datetime
    released_at: datetime | None
    decision: str


class MailShown(MailSummary):
    """A mail with all that happened to it. ``error_detail`` is shown to administrators only (SND-25)."""

    body_text: str
    error_detail: str | None = None
    outbox: list[OutboxShown]
    tries: list[AttemptShown]
    steps: list[StepShown]
    quarantine: QuarantineShown | None

    @classmethod
    def told(cls, history: MailHistory, *, with_details: bool) -> Self:
        """Return what is shown of a mail's history."""
        held = history.quarantine
        return cls.of(
            history.entry,
            body_text=history.entry.body_text,
            error_detail=history.entry.error_detail if with_details else None,
            outbox=[OutboxShown.of(row) for row in history.outbox],
            tries=_tries(history, with_details=with_details),
            steps=[StepShown.model_validate(step) for step in history.steps],
            quarantine=QuarantineShown.model_validate(held) if held else None,
        )


class FileShown(BaseModel):
    """An attachment; ``number`` counts from 0 and leads to its content."""

    number: int
    filename: str
    content_type: str
    content_id: str | None
    inline: bool
    size: int

    @classmethod
    def of(cls, number: int, attachment: Attachment) -> Self:
        """Return what is shown of an attachment."""
        return cls(
            number=number,
            filename=attachment.filename,
            content_type=attachment.content_type,
            content_id=attachment.content_id,
            inline=attachment.inline,
            size=len(attachment.content),
        )


class MailContent(BaseModel):
    """What a mail says. ``html`` is a harmless fragment: no script, no style, nothing that is loaded from elsewhere."""

    text: str
    html: str
    remote_content_removed: bool
    headers: list[tuple[str, str]]
    attachments: list[FileShown]

    @classmethod
    def of(cls, message: Message) -> Self:
        """Return what is shown of a message; it takes time with its size."""
        html, is_remote = harmless(message.html)
        return cls(
            text=message.text,
            html=html,
            remote_content_removed=is_remote,
            headers=list(message.headers),
            attachments=[FileShown.of(number, attachment) for number, attachment in enumerate(message.attachments)],
        )


def _tries(history: MailHistory, *, with_details: bool) -> list[AttemptShown]:
    shown = []
    for attempt in history.attempts:
        receipts = [ReceiptShown.model_validate(receipt) for receipt in history.receipts[attempt.id]]
        hidden = {} if with_details else {"error_detail": None}
        shown.append(AttemptShown.model_validate(attempt).model_copy(update={"receipts": receipts, **hidden}))
    return shown
