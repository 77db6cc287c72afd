"""What belongs to the deployment as a whole: workers, shared tokens, facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from mailport_workspace.queries.base import Across
from mailport_workspace.tables import Fact, SharedToken, Worker, now

__all__ = ["AcrossDeployment"]


class AcrossDeployment(Across):
    """Of all tenants, and of none."""

    async def beat(self, worker: str, host: str, lag: float) -> None:
        """Note that a worker is alive, and the lag of its event loop in seconds."""
        at = now()
        row = await self._session.get(Worker, worker)
        if row is None:
            row = Worker(id=worker, started_at=at)
            self._session.add(row)
        row.host, row.lag, row.beat_at = host, lag, at
        await self._session.flush()

    async def workers(self) -> list[Worker]:
        """Return the workers, the newest first; one whose last beat is old is gone."""
        return list(await self._session.scalars(select(Worker).order_by(Worker.started_at.desc())))

    async def remove_worker(self, worker: str) -> None:
        """Forget a worker that has ended."""
        await self._session.execute(delete(Worker).where(Worker.id == worker))

    async def shared_token(self, key: str) -> SharedToken:
        """Return what is known of a token, made where there was nothing; locked until the transaction ends."""
        insert = postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert
        await self._session.execute(insert(SharedToken).values(key=key, sealed="").on_conflict_do_nothing())
        return (await self._session.scalars(select(SharedToken).where(SharedToken.key == key).with_for_update())).one()

    async def fact(self, name: str) -> dict[str, Any]:
        """Return what every process shall know under that name; empty where nobody said anything yet."""
        value = await self._session.scalar(select(Fact.value).where(Fact.name == name))
        return dict(value or {})

    async def state(self, name: str, value: Mapping[str, Any], at: datetime | None = None) -> None:
        """Let every process know something under that name."""
        row = await self._session.get(Fact, name, with_for_update=True)
        if row is None:
            row = Fact(name=name)
            self._session.add(row)
        row.value, row.updated_at = dict(value), at or now()
        await self._session.flush()
