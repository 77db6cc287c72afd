"""The history of mails, and their bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, cast, func, or_, select
from sqlalchemy import Text as LongText
from sqlalchemy.orm import defer

from mailport_workspace.queries.base import Bound, found
from mailport_workspace.queries.paging import Position, one_page
from mailport_workspace.storable import Text
from mailport_workspace.tables import (
    Attempt,
    JournalEntry,
    JournalStep,
    MailDirection,
    MailKind,
    OutboxEntry,
    OutboxState,
    Outcome,
    Quarantined,
    RawMessage,
    RecipientReceipt,
    StepState,
)

__all__ = ["JournalQueries", "MailFilter"]


_Word = Annotated[Text, Field(max_length=500)]


class MailFilter(BaseModel):
    """Which mails a list shows; what is None or empty does not matter.

    ``address`` is a complete mail address, compared with the sender and every recipient; ``subject`` is a part of the subject.
    ``since`` and ``until`` limit when the mail was stored, the second one exclusively.
    """

    model_config = ConfigDict(frozen=True)

    direction: MailDirection | None = None
    kind: MailKind | None = None
    outcome: Outcome | None = None
    state: OutboxState | None = None
    inbox: _Word = ""
    message_id: _Word = ""
    conversation_id: _Word = ""
    address: _Word = ""
    subject: _Word = ""
    record_type: _Word = ""
    record: _Word = ""
    record_number: _Word = ""
    person: _Word = ""
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class JournalQueries(Bound):
    """Of one tenant."""

    async def journal(self, *, limit: int = 100) -> Sequence[JournalEntry]:
        """Return the latest mails, the newest first."""
        query = select(JournalEntry).order_by(JournalEntry.created_at.desc(), JournalEntry.id.desc()).limit(limit)
        return (await self._session.scalars(query)).all()

    async def mails(self, wanted: MailFilter, *, after: Position | None = None, limit: int = 50) -> Sequence[JournalEntry]:
        """Return a page of mails by their ids, the newest first, without the long text of the body; one row more tells."""
        query = select(JournalEntry).where(*_conditions(wanted)).options(defer(JournalEntry.body_text, raiseload=True))
        return (await self._session.scalars(one_page(query, JournalEntry.id, after=after, limit=limit))).all()

    async def related_mails(self, entry: JournalEntry, *, limit: int = 100) -> Sequence[JournalEntry]:
        """Return mails of the same conversation or record, and bounces with the mail that they concern; the oldest first."""
        is_related = [JournalEntry.related_id == entry.id]
        if entry.related_id:
            is_related.append(JournalEntry.id == entry.related_id)
        if entry.conversation_id:
            is_related.append(JournalEntry.conversation_id == entry.conversation_id)
        if entry.record_id:
            is_related.append((JournalEntry.record_type == entry.record_type) & (JournalEntry.record_id == entry.record_id))
        query = select(JournalEntry).where(JournalEntry.id != entry.id, or_(*is_related)).order_by(JournalEntry.id).limit(limit)
        return (await self._session.scalars(query)).all()

    async def raw_message(self, raw: str) -> RawMessage:
        """Return the bytes of a mail. Raises ``NotFound``."""
        return found(await self._session.scalar(select(RawMessage).where(RawMessage.id == raw)), "raw message")

    async def raw_size(self, raw: str) -> int:
        """Return how many bytes a mail has. Raises ``NotFound``, also where they are purged."""
        return found(await self._session.scalar(select(RawMessage.size).where(RawMessage.id == raw)), "raw message")

    async def raw_piece(self, raw: str, start: int, length: int) -> bytes:
        """Return ``length`` bytes of a mail from ``start``, which counts from 0. Raises ``NotFound``."""
        piece = select(func.substr(RawMessage.content, start + 1, length)).where(RawMessage.id == raw)
        return bytes(found(await self._session.scalar(piece), "raw message"))

    async def journal_entry(self, journal: str) -> JournalEntry:
        """Return the history of one mail. Raises ``NotFound``."""
        return found(await self._session.scalar(select(JournalEntry).where(JournalEntry.id == journal)), "mail")

    async def steps(self, journal: str) -> Sequence[JournalStep]:
        """Return the steps on the way of a mail, in order."""
        query = select(JournalStep).where(JournalStep.journal_id == journal).order_by(JournalStep.at, JournalStep.id)
        return (await self._session.scalars(query)).all()

    async def outbox_of(self, journal: str) -> Sequence[OutboxEntry]:
        """Return what is or was to be done for an outgoing mail, the first one first; remainders follow."""
        query = select(OutboxEntry).where(OutboxEntry.journal_id == journal).order_by(OutboxEntry.created_at, OutboxEntry.id)
        return (await self._session.scalars(query)).all()

    async def attempts_of(self, journal: str) -> Sequence[Attempt]:
        """Return every try to send a mail, in order."""
        of_mail = select(OutboxEntry.id).where(OutboxEntry.journal_id == journal)
        query = select(Attempt).where(Attempt.outbox_id.in_(of_mail)).order_by(Attempt.started_at, Attempt.number)
        return (await self._session.scalars(query)).all()

    async def receipts_of(self, attempts: Sequence[Attempt]) -> Mapping[str, Sequence[RecipientReceipt]]:
        """Return what became of the recipients, by the id of the attempt."""
        wanted = [attempt.id for attempt in attempts]
        query = select(RecipientReceipt).where(RecipientReceipt.attempt_id.in_(wanted)).order_by(RecipientReceipt.recipient)
        receipts: dict[str, list[RecipientReceipt]] = {attempt: [] for attempt in wanted}
        for receipt in await self._session.scalars(query):
            receipts[receipt.attempt_id].append(receipt)
        return receipts

    async def quarantine_of(self, journal: str) -> Quarantined | None:
        """Return why a mail waits, or waited, for a person."""
        return await self._session.scalar(select(Quarantined).where(Quarantined.journal_id == journal))

    async def note(self, journal: str, step: str, text: str = "", *, state: StepState = StepState.DONE, code: str = "") -> None:
        """Enter one step on the way of a mail (LOG-01)."""
        await self.add(JournalStep(journal_id=journal, step=step, state=state, code=code, text=text))


def _conditions(wanted: MailFilter) -> list[ColumnElement[bool]]:
    exact = {
        JournalEntry.direction: wanted.direction,
        JournalEntry.kind: wanted.kind,
        JournalEntry.outcome: wanted.outcome,
        JournalEntry.inbox_id: wanted.inbox,
        JournalEntry.message_id: wanted.message_id,
        JournalEntry.conversation_id: wanted.conversation_id,
        JournalEntry.record_type: wanted.record_type,
        JournalEntry.record_id: wanted.record,
        JournalEntry.record_number: wanted.record_number,
        JournalEntry.person_id: wanted.person,
    }
    conditions = [column == value for column, value in exact.items() if value]
    return [*conditions, *_by_time(wanted), *_by_text(wanted), *_by_state(wanted)]


def _by_time(wanted: MailFilter) -> list[ColumnElement[bool]]:
    after = [JournalEntry.created_at >= wanted.since] if wanted.since else []
    return [*after, *([JournalEntry.created_at < wanted.until] if wanted.until else [])]


def _by_text(wanted: MailFilter) -> list[ColumnElement[bool]]:
    found = [JournalEntry.subject.icontains(wanted.subject, autoescape=True)] if wanted.subject else []
    return [*found, *([_names(wanted.address)] if wanted.address else [])]


def _names(address: str) -> ColumnElement[bool]:
    """Whether the sender or a recipient is ``address``: one database keeps lists with escapes, the other without."""
    recipients = cast(JournalEntry.recipients, LongText)
    spellings = {json.dumps(address), json.dumps(address, ensure_ascii=False)}
    listed = [recipients.icontains(spelling, autoescape=True) for spelling in sorted(spellings)]
    return or_(JournalEntry.sender.icontains(address, autoescape=True), *listed)


def _by_state(wanted: MailFilter) -> list[ColumnElement[bool]]:
    if wanted.state is None:
        return []
    return [JournalEntry.id.in_(select(OutboxEntry.journal_id).where(OutboxEntry.state == wanted.state))]
