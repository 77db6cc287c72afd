"""Outgoing mail that is to be sent, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from mailport_workspace.queries.base import Bound
from mailport_workspace.tables import OutboxEntry

__all__ = ["OutboxQueries"]


class OutboxQueries(Bound):
    """Of one tenant."""

    async def outbox(self, *, limit: int = 100) -> Sequence[OutboxEntry]:
        """Return outgoing mails, those due first at the front."""
        return (await self._session.scalars(select(OutboxEntry).order_by(OutboxEntry.due_at).limit(limit))).all()
