"""What the processing of a mail asks about the mails before it, and what tenants tell it to do."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select

from mailport_workspace.queries.base import Bound, found
from mailport_workspace.tables import (
    ImportConnection,
    IncomingRule,
    JournalEntry,
    MailDirection,
    OutsideNumber,
    Quarantined,
    TabRow,
)

__all__ = ["ProcessingQueries"]

_MOST_MAILS = 200


class ProcessingQueries(Bound):
    """Of one tenant."""

    async def mail_with_quarantine(self, journal: str) -> tuple[JournalEntry, Quarantined | None]:
        """Return the history of a mail, and why it waits, or waited, for a person. Raises ``NotFound``."""
        held = (Quarantined, Quarantined.journal_id == JournalEntry.id)
        query = select(JournalEntry, Quarantined).join(*held, isouter=True).where(JournalEntry.id == journal)
        entry, quarantined = found((await self._session.execute(query)).one_or_none(), "mail")
        return entry, quarantined

    async def twins(self, entry: JournalEntry) -> Sequence[JournalEntry]:
        """Return the other incoming mails with the same Message-ID, the oldest first."""
        query = select(JournalEntry).where(
            JournalEntry.message_id == entry.message_id,
            JournalEntry.id != entry.id,
            JournalEntry.direction == MailDirection.INCOMING,
        )
        return (await self._session.scalars(query.order_by(JournalEntry.id).limit(_MOST_MAILS))).all()

    async def mail_of_conversation(self, spellings: Collection[str]) -> JournalEntry | None:
        """Return the latest mail of a conversation that belongs to a record; ids are compared as they are."""
        query = select(JournalEntry).where(JournalEntry.conversation_id.in_(spellings), JournalEntry.record_id.is_not(None))
        return await self._session.scalar(query.order_by(JournalEntry.id.desc()).limit(1))

    async def mails_with_ids(self, message_ids: Collection[str]) -> Sequence[JournalEntry]:
        """Return the mails with one of the Message-IDs, either way, the latest first."""
        query = select(JournalEntry).where(JournalEntry.message_id.in_(message_ids))
        return (await self._session.scalars(query.order_by(JournalEntry.id.desc()).limit(_MOST_MAILS))).all()

    async def outside_numbers_in(self, numbers: Collection[str]) -> Sequence[OutsideNumber]:
        """Return which of the folded numbers another system gave to a record of ours."""
        query = select(OutsideNumber).where(OutsideNumber.number.in_(numbers))
        return (await self._session.scalars(query.order_by(OutsideNumber.id))).all()

    async def mails_of_record(self, kind: str, record: str) -> Sequence[JournalEntry]:
        """Return the latest mails of a record."""
        query = select(JournalEntry).where(JournalEntry.record_type == kind, JournalEntry.record_id == record)
        return (await self._session.scalars(query.order_by(JournalEntry.id.desc()).limit(_MOST_MAILS))).all()

    async def incoming_rules(self) -> Sequence[IncomingRule]:
        """Return the rules for incoming mail, in their order."""
        return (await self._session.scalars(select(IncomingRule).order_by(IncomingRule.position, IncomingRule.id))).all()

    async def incoming_rule(self, rule: str, *, for_update: bool = False) -> IncomingRule:
        """Return one rule. Raises ``NotFound``."""
        query = select(IncomingRule).where(IncomingRule.id == rule)
        return found(await self._session.scalar(query.with_for_update() if for_update else query), "rule")

    async def tab_row(self, row: str, *, for_update: bool = False) -> TabRow:
        """Return one row of a tab. Raises ``NotFound``."""
        query = select(TabRow).where(TabRow.id == row)
        return found(await self._session.scalar(query.with_for_update() if for_update else query), "row")

    async def import_connections(self) -> Sequence[ImportConnection]:
        """Return what makes records of exported mail, by name."""
        return (await self._session.scalars(select(ImportConnection).order_by(ImportConnection.name))).all()

    async def import_connection(self, connection: str, *, for_update: bool = False) -> ImportConnection:
        """Return one import connection. Raises ``NotFound``."""
        query = select(ImportConnection).where(ImportConnection.id == connection)
        return found(await self._session.scalar(query.with_for_update() if for_update else query), "import connection")
