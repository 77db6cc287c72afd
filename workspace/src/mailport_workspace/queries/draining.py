"""The statements by which outgoing mail is claimed and its results are written: one for a whole group of mails each.

Every change names the lease under which the mails are held: where fewer rows change than were held, somebody else took over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, and_, select, update
from sqlalchemy.exc import IntegrityError

from mailport.receipt import Status
from mailport_workspace.queries.base import Bound, found
from mailport_workspace.tables import (
    AccountState,
    Attempt,
    JournalEntry,
    MailConfiguration,
    OutboxEntry,
    OutboxState,
    RawMessage,
    RecipientReceipt,
    Tenant,
)

__all__ = ["ClaimedMail", "DrainQueries", "Situation"]

_NO_SYNC = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class ClaimedMail:
    """An outgoing mail that a drainer holds; ``was_sent`` says that somebody has got it by an earlier attempt or entry."""

    id: str
    journal_id: str
    attempts: int
    lookups: int
    priority: int
    envelope: Mapping[str, Any]
    automatic: str
    parent_id: str | None
    origin: str
    message_id: str
    conversation_id: str
    raw_id: str | None
    size: int
    traceparent: str
    was_sent: bool


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides whether and how mail of a tenant may leave: the version of its settings, its options, its account."""

    version: int
    options: Mapping[str, Any]
    circuit_opened_at: datetime | None
    circuit_version: int | None
    wait_until: datetime | None
    arrival: datetime | None


_CLAIMED = (
    OutboxEntry.id,
    OutboxEntry.journal_id,
    OutboxEntry.attempts,
    OutboxEntry.lookups,
    OutboxEntry.priority,
    OutboxEntry.envelope,
    OutboxEntry.automatic,
    OutboxEntry.parent_id,
    OutboxEntry.origin,
    JournalEntry.message_id,
    JournalEntry.conversation_id,
    JournalEntry.raw_id,
    JournalEntry.size,
    JournalEntry.traceparent,
    JournalEntry.sent,
)


class DrainQueries(Bound):
    """Of one tenant."""

    async def situation(self, subject: str) -> Situation:
        """Return what decides about mail that leaves through the account ``subject``."""
        of_account = and_(AccountState.tenant_id == MailConfiguration.tenant_id, AccountState.subject == subject)
        query = (
            select(
                MailConfiguration.version,
                Tenant.options,
                AccountState.circuit_opened_at,
                AccountState.circuit_version,
                AccountState.wait_until,
                AccountState.arrival,
            )
            .join(Tenant, Tenant.id == MailConfiguration.tenant_id)
            .outerjoin(AccountState, of_account)
        )
        return Situation(*found((await self._session.execute(query)).first(), "mail configuration"))

    async def account_state(self, subject: str) -> AccountState | None:
        """Return how an account fares, locked; None where nothing happened to it yet."""
        return await self._session.scalar(select(AccountState).where(AccountState.subject == subject).with_for_update())

    async def ensure_account_state(self, subject: str) -> AccountState:
        """Return how an account fares, locked; a row is made where there is none."""
        state = await self.account_state(subject)
        if state is None:
            try:
                async with self._session.begin_nested():
                    self._session.add(state := AccountState(subject=subject))
            except IntegrityError:  # somebody else made it at the same moment
                state = await self.account_state(subject)
        return found(state, "account")

    async def claim(self, lease: str, moment: datetime, limit: int) -> Sequence[ClaimedMail]:
        """Take at most ``limit`` mails that are due, those with a higher priority first, and return them in that order."""
        is_due = (OutboxEntry.state == OutboxState.QUEUED) & (OutboxEntry.due_at <= moment)
        query = _held().where(is_due).order_by(OutboxEntry.priority.desc(), OutboxEntry.due_at, OutboxEntry.id).limit(limit)
        mails = await self._mails(query.with_for_update(of=OutboxEntry, skip_locked=True))
        if mails:
            values = {"state": OutboxState.CLAIMED, "lease": lease, "leased_at": moment}
            await self._change([mail.id for mail in mails], values, OutboxEntry.state == OutboxState.QUEUED)
        return mails

    async def begin_sending(self, ids: Collection[str], lease: str, moment: datetime) -> int:
        """Note that claimed mails are about to be handed over; return of how many that is still true."""
        # Those that are noted already come from a commit of whose end the database did not tell.
        is_mine = OutboxEntry.state.in_((OutboxState.CLAIMED, OutboxState.SENDING)) & (OutboxEntry.lease == lease)
        return await self._change(ids, {"state": OutboxState.SENDING, "leased_at": moment}, is_mine)

    async def raw_contents(self, raws: Collection[str]) -> Mapping[str, bytes]:
        """Return the bytes of mails by the ids of their raw messages; those that are purged are missing."""
        query = select(RawMessage.id, RawMessage.content).where(RawMessage.id.in_(raws))
        return {row.id: row.content for row in await self._session.execute(query)}

    async def settle(self, ids: Collection[str], lease: str, values: Mapping[str, Any]) -> int:
        """Write what became of mails that are held under ``lease``, which ends; return how many were."""
        return await self._change(ids, {**values, "lease": None}, OutboxEntry.lease == lease)

    async def settle_journal(self, journals: Collection[str], values: Mapping[str, Any], *, is_attempt: bool = True) -> None:
        """Write what became of mails into their history; an attempt is counted."""
        counted = {"attempts": JournalEntry.attempts + 1} if is_attempt else {}
        statement = update(JournalEntry).where(JournalEntry.id.in_(journals)).values(**values, **counted)
        await self._session.execute(statement, execution_options=_NO_SYNC)

    async def give_back(self, lease: str) -> None:
        """Queue again what is claimed under ``lease`` and was not begun."""
        is_mine = (OutboxEntry.state == OutboxState.CLAIMED) & (OutboxEntry.lease == lease)
        await self._queue_again(is_mine)

    async def take_over(self, lease: str, moment: datetime) -> Sequence[ClaimedMail]:
        """Queue again what another drainer claimed, and return, now held under ``lease``, what it was about to hand over."""
        is_other = OutboxEntry.lease != lease
        await self._queue_again(is_other & (OutboxEntry.state == OutboxState.CLAIMED))
        query = _held().where(is_other, OutboxEntry.state == OutboxState.SENDING).with_for_update(of=OutboxEntry)
        orphans = await self._mails(query)
        if orphans:
            await self._change([mail.id for mail in orphans], {"lease": lease, "leased_at": moment}, is_other)
        return orphans

    async def claim_uncertain(self, lease: str, moment: datetime, limit: int) -> Sequence[ClaimedMail]:
        """Take at most ``limit`` uncertain mails that are due to be looked for; they stay uncertain meanwhile."""
        is_due = (OutboxEntry.state == OutboxState.UNCERTAIN) & (OutboxEntry.due_at <= moment)
        query = _held().where(is_due).order_by(OutboxEntry.due_at, OutboxEntry.id).limit(limit)
        mails = await self._mails(query.with_for_update(of=OutboxEntry, skip_locked=True))
        if mails:
            await self._change([mail.id for mail in mails], {"lease": lease, "leased_at": moment}, is_due)
        return mails

    async def refused_recipients(self, outbox: str) -> Sequence[str]:
        """Return whom the latest attempt to send a mail left refused."""
        latest = select(Attempt.id).where(Attempt.outbox_id == outbox).order_by(Attempt.number.desc()).limit(1)
        is_refused = RecipientReceipt.attempt_id.in_(latest) & (RecipientReceipt.status == Status.REFUSED)
        query = select(RecipientReceipt.recipient).where(is_refused).order_by(RecipientReceipt.recipient)
        return (await self._session.scalars(query)).all()

    async def _mails(self, query: Any) -> Sequence[ClaimedMail]:
        return [ClaimedMail(*row) for row in await self._session.execute(query)]

    async def _queue_again(self, which: Any) -> None:
        values = {"state": OutboxState.QUEUED, "lease": None}
        await self._session.execute(update(OutboxEntry).where(which).values(values), execution_options=_NO_SYNC)

    async def _change(self, ids: Collection[str], values: Mapping[str, Any], where: Any) -> int:
        statement = update(OutboxEntry).where(OutboxEntry.id.in_(ids), where).values(**values)
        result = await self._session.execute(statement, execution_options=_NO_SYNC)
        assert isinstance(result, CursorResult)  # noqa: S101 - an update has no other result
        return result.rowcount


def _held() -> Any:
    is_its = and_(JournalEntry.tenant_id == OutboxEntry.tenant_id, JournalEntry.id == OutboxEntry.journal_id)
    return select(*_CLAIMED).join(JournalEntry, is_its)
