"""What time makes superfluous, and what went wrong in a period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update

from mailport_workspace.queries.base import Across, Bound
from mailport_workspace.tables import (
    ApiToken,
    FinishState,
    Gate,
    Inbox,
    IntakeEntry,
    IntakeState,
    JournalEntry,
    MailDirection,
    OutboxEntry,
    OutboxState,
    Outcome,
    Quarantined,
    RawMessage,
    RecordAttachment,
    SharedToken,
    SignIn,
    WebhookDelivery,
    WebhookState,
    Worker,
)
from mailport_workspace.tables.outbox import FINAL

__all__ = ["AcrossUpkeep", "FailedMail", "UpkeepQueries"]

_FAILED = (OutboxState.PARTLY_REFUSED, OutboxState.REFUSED, OutboxState.FAILED, OutboxState.HELD)
_UNPROCESSED = (Outcome.FAILED, Outcome.QUARANTINED, Outcome.TOO_LARGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedMail:
    """A mail that was not sent or not processed: when it came, which way it went, and what was said."""

    at: datetime
    direction: MailDirection
    inbox: str
    subject: str
    outcome: str
    error: str


class UpkeepQueries(Bound):
    """Of one tenant."""

    async def failed_mails(self, since: datetime, *, limit: int) -> Sequence[FailedMail]:
        """Return what failed since a moment, the newest first."""
        sent = select(JournalEntry, OutboxEntry).join(OutboxEntry, OutboxEntry.journal_id == JournalEntry.id)
        sent = sent.where(OutboxEntry.state.in_(_FAILED), _moment(OutboxEntry) >= since)
        came = select(JournalEntry).where(JournalEntry.outcome.in_(_UNPROCESSED), JournalEntry.created_at >= since)
        outgoing = await self._session.execute(sent.order_by(JournalEntry.id.desc()).limit(limit))
        incoming = await self._session.scalars(came.order_by(JournalEntry.id.desc()).limit(limit))
        mails = [_failed(journal, entry.state, entry.reason or journal.last_error) for journal, entry in outgoing]
        mails += [_failed(journal, str(journal.outcome), journal.last_error) for journal in incoming]
        return sorted(mails, key=lambda mail: mail.at, reverse=True)[:limit]

    async def failing_inboxes(self) -> Sequence[Inbox]:
        """Return the inboxes whose last poll failed, by name."""
        query = select(Inbox).where(Inbox.enabled, Inbox.failures > 0).order_by(Inbox.name)
        return (await self._session.scalars(query)).all()


class AcrossUpkeep(Across):
    """Of all tenants. What deletes returns how many rows it deleted, at most ``limit``: the caller comes again."""

    async def purge_journal(self, before: datetime, *, limit: int) -> int:
        """Delete histories, with all that belongs to them, except of mail that is not over yet."""
        query = select(JournalEntry.id).where(JournalEntry.created_at < before, ~_is_under_way(JournalEntry.id))
        return await self._purge(JournalEntry, query.limit(limit))

    async def purge_raw_messages(self, before: datetime, *, limit: int) -> int:
        """Delete the bytes of mails, except of those that are not over yet, or whose attachments a record has."""
        journal = select(JournalEntry.id).where(JournalEntry.raw_id == RawMessage.id)
        is_needed = exists(journal.where(_is_under_way(JournalEntry.id)).correlate(RawMessage))
        is_attached = exists().where(RecordAttachment.raw_id == RawMessage.id)
        query = select(RawMessage.id).where(RawMessage.created_at < before, ~is_needed, ~is_attached).limit(limit)
        raws = (await self._session.scalars(query)).all()
        await self._session.execute(update(JournalEntry).where(JournalEntry.raw_id.in_(raws)).values(raw_id=None))
        await self._session.execute(delete(RawMessage).where(RawMessage.id.in_(raws)))
        return len(raws)

    async def purge_finished(self, before: datetime, *, limit: int) -> int:
        """Delete tasks that are over: of outgoing mail, of incoming mail, of webhooks. The histories stay (QUE-06)."""
        outgoing = select(OutboxEntry.id).where(OutboxEntry.state.in_(FINAL), OutboxEntry.finished_at < before)
        is_done = (IntakeEntry.state == IntakeState.DONE) & (IntakeEntry.finish.in_([FinishState.DONE, FinishState.FAILED]))
        incoming = select(IntakeEntry.id).where(is_done, IntakeEntry.finished_at < before)
        is_told = WebhookDelivery.state.in_([WebhookState.DELIVERED, WebhookState.FAILED])
        told = select(WebhookDelivery.id).where(is_told, WebhookDelivery.finished_at < before)
        tasks = ((OutboxEntry, outgoing), (IntakeEntry, incoming), (WebhookDelivery, told))
        return max([await self._purge(table, query.limit(limit)) for table, query in tasks])

    async def purge_access(self, at: datetime, *, tokens_before: datetime) -> None:
        """Delete sign-ins that have ended, tokens that ended long ago, and limits that are open again."""
        ended = ApiToken.expires_at < tokens_before
        await self._session.execute(delete(SignIn).where(SignIn.expires_at <= at))
        await self._session.execute(delete(ApiToken).where(or_(ended, ApiToken.revoked_at < tokens_before)))
        await self._session.execute(delete(SharedToken).where(SharedToken.expires_at <= at, SharedToken.lease.is_(None)))
        await self._session.execute(delete(Gate).where(Gate.arrival < at))

    async def purge_workers(self, silent_since: datetime) -> None:
        """Forget the workers that died."""
        await self._session.execute(delete(Worker).where(Worker.beat_at < silent_since))

    async def _purge(self, table: Any, query: Any) -> int:
        ids = (await self._session.scalars(query)).all()
        await self._session.execute(delete(table).where(table.id.in_(ids)))
        return len(ids)


def _is_under_way(journal: Any) -> ColumnElement[bool]:
    is_to_send = exists().where(OutboxEntry.journal_id == journal, OutboxEntry.state.not_in(FINAL))
    is_done = (IntakeEntry.state == IntakeState.DONE) & IntakeEntry.finish.in_([FinishState.DONE, FinishState.FAILED])
    is_to_process = exists().where(IntakeEntry.journal_id == journal, ~is_done)
    is_to_decide = exists().where(Quarantined.journal_id == journal, Quarantined.released_at.is_(None))
    return or_(is_to_send, is_to_process, is_to_decide)


def _moment(entry: type[OutboxEntry]) -> Any:
    """Return when a mail came to rest; one that is held has no end."""
    return func.coalesce(entry.finished_at, entry.created_at)


def _failed(journal: JournalEntry, outcome: str, error: str) -> FailedMail:
    return FailedMail(
        at=journal.created_at,
        direction=journal.direction,
        inbox=journal.inbox_name,
        subject=journal.subject,
        outcome=outcome,
        error=error,
    )
