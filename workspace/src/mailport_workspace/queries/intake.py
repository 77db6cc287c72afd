"""Received mail that is to be processed, what waits for a person, and which mailboxes are due."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import defer

from mailport_workspace.queries.base import Across, Bound, found
from mailport_workspace.queries.paging import Position, one_page
from mailport_workspace.tables import (
    AccountState,
    FinishState,
    Inbox,
    InboxCursor,
    IntakeEntry,
    IntakeState,
    JournalEntry,
    MailDirection,
    Outcome,
    Quarantined,
    QueueHandler,
    RawMessage,
    Tenant,
)

__all__ = ["AcrossIntake", "DueInbox", "InHand", "IntakeQueries", "Known", "StagedMail"]

_SKEW = timedelta(minutes=1)
"""By which the clocks of two workers may differ; what was done later than that was done before a clock was put back."""
_NO_LEASE = timedelta(minutes=2)
"""So far no lease reaches, whatever the clocks of others say."""
_WAITS = (IntakeState.QUEUED, IntakeState.CLAIMED)
_SHORT = defer(JournalEntry.body_text, raiseload=True)
_NOT_DEALT_WITH = (Outcome.FAILED, Outcome.DELETED, Outcome.TOO_LARGE, Outcome.DUPLICATE)


@dataclass(frozen=True, slots=True)
class Known:
    """A message of a mailbox that is in the journal already: ``state`` is None where nothing is to be done with it."""

    journal_id: str
    state: IntakeState | None
    attempts: int


@dataclass(frozen=True, slots=True)
class StagedMail:
    """A mail as the queue shows it."""

    entry: IntakeEntry
    journal: JournalEntry


@dataclass(frozen=True, slots=True)
class InHand:
    """A mail whose verdict is written: its place in the queue, its history, why it waited for a person, and its inbox."""

    entry: IntakeEntry
    journal: JournalEntry
    quarantined: Quarantined | None
    inbox: Inbox | None


@dataclass(frozen=True, slots=True)
class DueInbox:
    """An inbox that was claimed for a poll; ``scheduled_at`` is when it was due."""

    tenant: str
    inbox: str
    scheduled_at: datetime


class IntakeQueries(Bound):
    """Of one tenant."""

    async def find_inbox(self, inbox: str, *, lease: str | None = None) -> Inbox | None:
        """Return an inbox that may be gone; with ``lease`` only while that poll holds it, and locked until the end."""
        query = select(Inbox).where(Inbox.id == inbox)
        if lease is not None:
            query = query.where(Inbox.lease == lease).with_for_update()
        return await self._session.scalar(query.execution_options(populate_existing=True))

    async def inboxes_on(self, mailbox_key: str) -> Sequence[Inbox]:
        """Return the enabled inboxes that read the same mailbox and folder."""
        return (await self._session.scalars(select(Inbox).where(Inbox.mailbox_key == mailbox_key, Inbox.enabled))).all()

    async def forget_cursor(self, inbox: str) -> None:
        """Let the next poll list the whole mailbox anew."""
        await self._session.execute(delete(InboxCursor).where(InboxCursor.inbox_id == inbox))

    async def lock_tenant(self) -> None:
        """Let other stages of this tenant wait until the transaction ends: two copies of a mail must see one another."""
        await self._session.scalar(select(Tenant.id).with_for_update(key_share=True))

    async def known_deliveries(self, inbox: str, keys: Iterable[str]) -> Mapping[str, Known]:
        """Return what is in the journal already, by the mailbox's own keys."""
        columns = (JournalEntry.delivery_key, JournalEntry.id, IntakeEntry.state, IntakeEntry.attempts)
        query = (
            select(*columns)
            .join(IntakeEntry, IntakeEntry.journal_id == JournalEntry.id, isouter=True)
            .where(JournalEntry.inbox_id == inbox, JournalEntry.delivery_key.in_(list(keys)))
        )
        found_rows = (await self._session.execute(query)).all()
        return {str(key): Known(journal, state, attempts or 0) for key, journal, state, attempts in found_rows}

    async def copy_of(self, content_hash: str) -> JournalEntry | None:
        """Return the first incoming mail with that content which was or is being dealt with."""
        is_dealt_with = JournalEntry.outcome.not_in(_NOT_DEALT_WITH)
        is_copy = (JournalEntry.content_hash == content_hash) & (JournalEntry.direction == MailDirection.INCOMING)
        query = select(JournalEntry).where(is_copy, is_dealt_with)
        return await self._session.scalar(query.order_by(JournalEntry.id).limit(1))

    async def unread(self, inbox: str) -> Mapping[str, str]:
        """Return the messages of a mailbox that are listed and could not be read yet: their keys, and journal ids."""
        query = select(JournalEntry.delivery_key, JournalEntry.id).join(IntakeEntry, IntakeEntry.journal_id == JournalEntry.id)
        waits = (IntakeEntry.state == IntakeState.UNREAD) & (IntakeEntry.inbox_id == inbox)
        return {str(key): journal for key, journal in (await self._session.execute(query.where(waits))).all()}

    async def account_of_inbox(self, inbox: str) -> AccountState | None:
        """Return how the account of an inbox fares, if there is anything to say; nobody waits for it."""
        return await self._session.scalar(select(AccountState).where(AccountState.subject == inbox))

    async def intake_entry(self, journal: str, *, for_update: bool = False) -> IntakeEntry:
        """Return what is to be done for a mail. Raises ``NotFound``."""
        return found(await self.find_intake_entry(journal, for_update=for_update), "mail in a queue")

    async def find_intake_entry(self, journal: str, *, for_update: bool = False) -> IntakeEntry | None:
        """Return what is to be done for a mail, if it was received and stored."""
        query = select(IntakeEntry).where(IntakeEntry.journal_id == journal)
        return await self._session.scalar(query.with_for_update() if for_update else query)

    async def leased_entry(self, entry: str, lease: str) -> IntakeEntry | None:
        """Return a claimed mail while ``lease`` holds it, locked until the transaction ends."""
        query = select(IntakeEntry).where(IntakeEntry.id == entry, IntakeEntry.lease == lease)
        claimed = query.where(IntakeEntry.state == IntakeState.CLAIMED).with_for_update()
        return await self._session.scalar(claimed.execution_options(populate_existing=True))

    async def in_hand(self, entry: str) -> InHand:
        """Return a mail with all that a verdict changes, locked until the transaction ends. Raises ``NotFound``."""
        return found(await self._in_hand(IntakeEntry.id == entry), "mail in a queue")

    async def leased_in_hand(self, entry: str, lease: str) -> InHand | None:
        """Return the same of a claimed mail while ``lease`` holds it."""
        is_held = (IntakeEntry.lease == lease) & (IntakeEntry.state == IntakeState.CLAIMED)
        return await self._in_hand((IntakeEntry.id == entry) & is_held)

    async def _in_hand(self, wanted: ColumnElement[bool]) -> InHand | None:
        query = (
            select(IntakeEntry, JournalEntry, Quarantined, Inbox)
            .join(JournalEntry, JournalEntry.id == IntakeEntry.journal_id)
            .join(Quarantined, Quarantined.journal_id == IntakeEntry.journal_id, isouter=True)
            .join(Inbox, Inbox.id == IntakeEntry.inbox_id, isouter=True)
            .where(wanted)
        )
        locked = query.with_for_update(of=IntakeEntry).execution_options(populate_existing=True)
        row = (await self._session.execute(locked)).one_or_none()
        return InHand(*row) if row is not None else None

    async def queue_handlers(self) -> Sequence[QueueHandler]:
        """Return how the queues are worked off, as far as somebody said so, by their names."""
        return (await self._session.scalars(select(QueueHandler).order_by(QueueHandler.queue))).all()

    async def queue_handler(self, queue: str) -> QueueHandler | None:
        """Return how a queue is worked off, if somebody said so."""
        return await self._session.scalar(select(QueueHandler).where(QueueHandler.queue == queue))

    async def due_queues(self, moment: datetime) -> Sequence[str]:
        """Return the names of the queues with due mail."""
        query = select(IntakeEntry.queue).where(IntakeEntry.state == IntakeState.QUEUED, IntakeEntry.due_at <= moment)
        return (await self._session.scalars(query.distinct())).all()

    async def claimable(
        self, queue: str, moment: datetime, *, limit: int, journals: Collection[str] = ()
    ) -> Sequence[IntakeEntry]:
        """Return due mails of a queue, those due first at the front, locked; others that claim pass them by.

        With ``journals`` only these are returned, due or not.
        """
        wanted = IntakeEntry.journal_id.in_(journals) if journals else IntakeEntry.due_at <= moment
        query = select(IntakeEntry).where(IntakeEntry.state == IntakeState.QUEUED, IntakeEntry.queue == queue, wanted)
        ordered = query.order_by(IntakeEntry.due_at, IntakeEntry.id).limit(limit)
        return (await self._session.scalars(ordered.with_for_update(skip_locked=True))).all()

    async def lost_entries(self, lost_before: datetime) -> Sequence[IntakeEntry]:
        """Return claimed mails whose worker has given no sign of life since, in the order in which it takes them.

        They are locked; others that claim pass them by.
        """
        is_lost = (IntakeEntry.state == IntakeState.CLAIMED) & (IntakeEntry.leased_at < lost_before)
        ordered = select(IntakeEntry).where(is_lost).order_by(IntakeEntry.due_at, IntakeEntry.id)
        return (await self._session.scalars(ordered.with_for_update(skip_locked=True))).all()

    async def renew_entries(self, lease: str, at: datetime) -> None:
        """Say that the mails of a lease are still worked on."""
        await self._session.execute(update(IntakeEntry).where(IntakeEntry.lease == lease).values(leased_at=at))

    async def give_back_entries(self, lease: str) -> None:
        """Put the mails of a lease that were not finished back, as if they had never been claimed."""
        mine = (IntakeEntry.lease == lease) & (IntakeEntry.state == IntakeState.CLAIMED)
        values = {"state": IntakeState.QUEUED, "lease": None}
        await self._session.execute(update(IntakeEntry).where(mine).values(**values))

    async def raw_messages(self, raws: Iterable[str], *, at_most: int | None = None) -> Mapping[str, bytes]:
        """Return the bytes of several mails by their ids, of those with ``at_most`` so many bytes."""
        query = select(RawMessage.id, RawMessage.content).where(RawMessage.id.in_(list(raws)))
        query = query if at_most is None else query.where(RawMessage.size <= at_most)
        return {row.id: row.content for row in await self._session.execute(query)}

    async def journal_entries(self, journals: Iterable[str]) -> Mapping[str, JournalEntry]:
        """Return the histories of several mails by their ids."""
        query = select(JournalEntry).where(JournalEntry.id.in_(list(journals)))
        return {entry.id: entry for entry in (await self._session.scalars(query)).all()}

    async def pending_finishes(self, inbox: str, *, limit: int) -> Sequence[tuple[IntakeEntry, str]]:
        """Return mails whose messages are still to be filed in the mailbox, each with the mailbox's own key."""
        is_pending = (IntakeEntry.inbox_id == inbox) & (IntakeEntry.finish == FinishState.PENDING)
        query = select(IntakeEntry, JournalEntry.delivery_key).join(JournalEntry, JournalEntry.id == IntakeEntry.journal_id)
        ordered = query.where(is_pending, JournalEntry.delivery_key.is_not(None)).order_by(IntakeEntry.id).limit(limit)
        return [(entry, str(key)) for entry, key in (await self._session.execute(ordered)).all()]

    async def has_pending_finishes(self, inbox: str) -> bool:
        """Whether messages are still to be filed in a mailbox."""
        query = select(IntakeEntry.id).where(IntakeEntry.inbox_id == inbox, IntakeEntry.finish == FinishState.PENDING)
        return await self._session.scalar(query.limit(1)) is not None

    async def backlog(self, inbox: str) -> int:
        """Return how many mails of an inbox wait to be read, processed or filed."""
        waits = IntakeEntry.state.in_([*_WAITS, IntakeState.UNREAD]) | (IntakeEntry.finish == FinishState.PENDING)
        query = select(func.count()).select_from(IntakeEntry).where(IntakeEntry.inbox_id == inbox, waits)
        return int(await self._session.scalar(query) or 0)

    async def staged_mails(
        self, *, queue: str = "", state: IntakeState | None = None, after: Position | None = None, limit: int = 50
    ) -> Sequence[StagedMail]:
        """Return a page of mails in queues with their histories, the newest first."""
        wanted: list[ColumnElement[bool]] = [IntakeEntry.queue == queue] if queue else []
        wanted += [IntakeEntry.state == state] if state else []
        query = select(IntakeEntry, JournalEntry).join(JournalEntry, JournalEntry.id == IntakeEntry.journal_id)
        page = one_page(query.where(*wanted), IntakeEntry.id, after=after, limit=limit)
        return [StagedMail(entry, journal) for entry, journal in (await self._session.execute(page.options(_SHORT))).all()]

    async def parked(self, queue: str, *, limit: int) -> Sequence[IntakeEntry]:
        """Return parked mails of a queue, locked."""
        query = select(IntakeEntry).where(IntakeEntry.queue == queue, IntakeEntry.state == IntakeState.PARKED)
        return (await self._session.scalars(query.order_by(IntakeEntry.id).limit(limit).with_for_update())).all()

    async def queue_counts(self) -> Mapping[str, Mapping[IntakeState, int]]:
        """Return how many mails each queue holds, by state."""
        query = select(IntakeEntry.queue, IntakeEntry.state, func.count()).group_by(IntakeEntry.queue, IntakeEntry.state)
        counts: dict[str, dict[IntakeState, int]] = {}
        for queue, state, count in (await self._session.execute(query)).all():
            counts.setdefault(queue, {})[state] = count
        return counts

    async def quarantined(self, journal: str, *, for_update: bool = False) -> Quarantined:
        """Return why a mail waits for a person. Raises ``NotFound``."""
        query = select(Quarantined).where(Quarantined.journal_id == journal)
        row = await self._session.scalar(query.with_for_update() if for_update else query)
        return found(row, "mail in quarantine")

    async def quarantine(
        self, *, inbox: str = "", code: str = "", decided: bool = False, after: Position | None = None, limit: int = 50
    ) -> Sequence[tuple[Quarantined, JournalEntry]]:
        """Return a page of mails that wait for a person (or, ``decided``, that waited), the newest first."""
        is_open = Quarantined.released_at.is_(None)
        wanted: list[ColumnElement[bool]] = [~is_open if decided else is_open]
        wanted += [JournalEntry.inbox_id == inbox] if inbox else []
        wanted += [Quarantined.code == code] if code else []
        query = select(Quarantined, JournalEntry).join(JournalEntry, JournalEntry.id == Quarantined.journal_id)
        page = one_page(query.where(*wanted), Quarantined.id, after=after, limit=limit)
        return [(row, journal) for row, journal in (await self._session.execute(page.options(_SHORT))).all()]


class AcrossIntake(Across):
    """Of all tenants."""

    async def due_shards(self, moment: datetime) -> Sequence[str]:
        """Return the shards with inboxes that are to be polled at ``moment``."""
        return [str(shard) for shard in await self._session.scalars(select(Inbox.shard).where(_is_due(moment)).distinct())]

    async def due_intake(self, moment: datetime, *, lost_before: datetime) -> Sequence[str]:
        """Return the tenants with staged mail that is due, or whose worker gave no sign of life since ``lost_before``."""
        is_due = (IntakeEntry.state == IntakeState.QUEUED) & (IntakeEntry.due_at <= moment)
        is_lost = (IntakeEntry.state == IntakeState.CLAIMED) & (IntakeEntry.leased_at < lost_before)
        is_closed = select(QueueHandler.id).where(
            QueueHandler.tenant_id == IntakeEntry.tenant_id, QueueHandler.queue == IntakeEntry.queue, ~QueueHandler.active
        )
        query = select(IntakeEntry.tenant_id).where((is_due & ~is_closed.exists()) | is_lost)
        return (await self._session.scalars(query.distinct())).all()

    async def claim_inboxes(
        self,
        shard: int,
        moment: datetime,
        *,
        lease: str,
        until: datetime,
        limit: int,
        per_tenant: int,
        busy: Collection[str] = (),
    ) -> Sequence[DueInbox]:
        """Claim due inboxes of a shard for one poll, those due first at the front, but none of ``busy``.

        With those that are ``busy`` no tenant gets more than ``per_tenant``: its silent servers take nobody else's places.
        One is left where it is while another poll reads its mailbox, under whatever inbox or tenant (PLS-08).
        """
        due = await self._due(shard, moment, limit, per_tenant, busy)
        claimed, taken = [], await self._taken(due, moment)
        for inbox in due:
            if inbox.mailbox_key and inbox.mailbox_key in taken:
                continue
            taken.add(inbox.mailbox_key)
            claimed.append(DueInbox(inbox.tenant_id, inbox.id, inbox.next_poll_at))
            inbox.lease, inbox.leased_until = lease, until
        await self._session.flush()
        return claimed

    async def _due(self, shard: int, moment: datetime, limit: int, per_tenant: int, busy: Collection[str]) -> Sequence[Inbox]:
        is_busy = Inbox.id.in_(busy)
        turn = func.row_number().over(partition_by=Inbox.tenant_id, order_by=(is_busy.desc(), Inbox.next_poll_at, Inbox.id))
        turns = select(Inbox.id, turn.label("turn")).where(Inbox.shard == shard, _is_due(moment) | is_busy).subquery()
        has_room = Inbox.id.in_(select(turns.c.id).where(turns.c.turn <= per_tenant))
        query = select(Inbox).where(has_room, Inbox.shard == shard, _is_due(moment), ~is_busy)
        first = query.order_by(Inbox.next_poll_at).limit(limit)
        return (await self._session.scalars(first.with_for_update(skip_locked=True))).all()

    async def _taken(self, due: Sequence[Inbox], moment: datetime) -> set[str]:
        """Return the mailboxes of ``due`` that others read, or perhaps claim at this moment: then their rows are locked."""
        mine, keys = {inbox.id for inbox in due}, {inbox.mailbox_key for inbox in due} - {""}
        query = select(Inbox.id, Inbox.mailbox_key).where(Inbox.mailbox_key.in_(keys), Inbox.id.not_in(mine))
        others = {str(inbox): str(key) for inbox, key in (await self._session.execute(query)).all()} if keys else {}
        if not others:
            return set()
        locking = select(Inbox).where(Inbox.id.in_(others)).with_for_update(skip_locked=True)
        locked = (await self._session.scalars(locking.execution_options(populate_existing=True))).all()
        free = {row.id for row in locked if row.leased_until is None or not moment < row.leased_until <= moment + _NO_LEASE}
        return {key for inbox, key in others.items() if inbox not in free}

    async def renew_inboxes(self, lease: str, until: datetime) -> None:
        """Say that the inboxes of a lease are still being read."""
        await self._session.execute(update(Inbox).where(Inbox.lease == lease).values(leased_until=until))

    async def give_back_inboxes(self, lease: str) -> None:
        """Let others poll the inboxes of a lease at once."""
        await self._session.execute(update(Inbox).where(Inbox.lease == lease).values(lease=None, leased_until=None))


def _is_due(moment: datetime) -> ColumnElement[bool]:
    """Whether an inbox is to be polled, also where the clock was put back since its last poll or since it was claimed."""
    last_thing = func.coalesce(Inbox.last_poll_at, Inbox.next_poll_at)  # one that was never polled was due when it was saved
    is_time = or_(Inbox.next_poll_at <= moment, last_thing > moment + _SKEW)
    is_free = or_(Inbox.leased_until.is_(None), Inbox.leased_until <= moment, Inbox.leased_until > moment + _NO_LEASE)
    return Inbox.enabled & is_time & is_free
