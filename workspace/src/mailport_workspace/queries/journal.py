"""The history of mails, and their bytes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from mailport_workspace.queries.base import Bound, found
from mailport_workspace.tables import JournalEntry, JournalStep, RawMessage, StepState

__all__ = ["JournalQueries"]


class JournalQueries(Bound):
    """Of one tenant."""

    async def journal(self, *, limit: int = 100) -> Sequence[JournalEntry]:
        """Return the latest mails, the newest first."""
        query = select(JournalEntry).order_by(JournalEntry.created_at.desc(), JournalEntry.id.desc()).limit(limit)
        return (await self._session.scalars(query)).all()

    async def raw_message(self, raw: str) -> RawMessage:
        """Return the bytes of a mail. Raises ``NotFound``."""
        return found(await self._session.scalar(select(RawMessage).where(RawMessage.id == raw)), "raw message")

    async def journal_entry(self, journal: str) -> JournalEntry:
        """Return the history of one mail. Raises ``NotFound``."""
        return found(await self._session.scalar(select(JournalEntry).where(JournalEntry.id == journal)), "mail")

    async def steps(self, journal: str) -> Sequence[JournalStep]:
        """Return the steps on the way of a mail, in order."""
        query = select(JournalStep).where(JournalStep.journal_id == journal).order_by(JournalStep.at, JournalStep.id)
        return (await self._session.scalars(query)).all()

    async def note(self, journal: str, step: str, text: str = "", *, state: StepState = StepState.DONE, code: str = "") -> None:
        """Enter one step on the way of a mail (LOG-01)."""
        await self.add(JournalStep(journal_id=journal, step=step, state=state, code=code, text=text))
