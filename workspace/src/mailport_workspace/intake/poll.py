"""Polling: the due inboxes of a shard, side by side. Each is claimed, so that it is never polled twice at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

from mailport import Mailport
from mailport_workspace.intake.lease import LEASE_SECONDS, Reached, kept, nothing
from mailport_workspace.intake.queue import Intake
from mailport_workspace.intake.visit import Means, visit
from mailport_workspace.sealing import KeyRing
from mailport_workspace.store import Store
from mailport_workspace.tables import new_id, now

__all__ = ["KIND", "Poller"]

KIND = "poll"
"""The kind of its jobs; the key is a shard."""
_AT_ONCE = 50
"""Inboxes of one shard that are polled at the same time."""
_OF_ONE_TENANT = 10
"""Of those, inboxes of the same tenant."""
_LARGE_AT_ONCE = 4
"""Large messages that this process reads at the same time."""
_LOOK = 1.0
"""Seconds between two looks for what became due meanwhile."""


class Poller:
    """Polls inboxes. ``reached`` is told when a mail is ``staged``, and when messages are ``acknowledged``.

    A worker without a sign of life for ``lease_seconds`` loses the inboxes that it polls; ``patience`` is as ``Means`` says.
    """

    def __init__(
        self,
        store: Store,
        mailport: Mailport,
        ring: KeyRing,
        intake: Intake,
        *,
        reached: Reached = nothing,
        clock: Callable[[], datetime] = now,
        lease_seconds: float = LEASE_SECONDS,
        patience: float = 2.0,
        at_once: int = _AT_ONCE,
        per_tenant: int = _OF_ONE_TENANT,
    ) -> None:
        self._store = store
        self._clock = clock
        self._seconds = lease_seconds
        self._at_once, self._per_tenant = at_once, per_tenant
        self._means = Means(
            store=store,
            mailport=mailport,
            ring=ring,
            intake=intake,
            reached=reached,
            clock=clock,
            large=asyncio.Semaphore(_LARGE_AT_ONCE),
            patience=patience,
        )

    async def poll_shard(self, key: str) -> None:
        """Poll the due inboxes of a shard, and those that become due meanwhile: a slow one delays no other."""
        lease = new_id()
        renew, give_back = partial(self._renew, lease), partial(self._give_back, lease)
        async with kept(renew, give_back, seconds=self._seconds), _together() as running:
            has_more = await self._begin(int(key), lease, running)
            while running:
                await asyncio.wait(running, timeout=_LOOK)
                if running or has_more:
                    has_more = await self._begin(int(key), lease, running)

    async def _begin(self, shard: int, lease: str, running: set[asyncio.Task[None]]) -> bool:
        """Begin to poll what is due, as far as there is room; say whether there may be more."""
        moment = self._clock()
        until, room = moment + timedelta(seconds=self._seconds), self._at_once - len(running)
        if room <= 0:
            return True
        async with self._store.operate() as rows:
            busy = [task.get_name() for task in running]  # also those whose lease ran out while the database was away
            claimed = await rows.claim_inboxes(
                shard, moment, lease=lease, until=until, limit=room, per_tenant=self._per_tenant, busy=busy
            )
        for due in claimed:
            task = asyncio.create_task(visit(self._means, due, lease), name=due.inbox)
            running.add(task)
            task.add_done_callback(running.discard)
        return len(running) >= self._per_tenant

    async def _renew(self, lease: str) -> None:
        async with self._store.operate() as rows:
            await rows.renew_inboxes(lease, self._clock() + timedelta(seconds=self._seconds))

    async def _give_back(self, lease: str) -> None:
        async with self._store.operate() as rows:
            await rows.give_back_inboxes(lease)


@asynccontextmanager
async def _together() -> AsyncIterator[set[asyncio.Task[None]]]:
    """Give a set for tasks; those that still run at the end are cancelled and awaited."""
    running: set[asyncio.Task[None]] = set()
    try:
        yield running
    finally:
        left = tuple(running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
