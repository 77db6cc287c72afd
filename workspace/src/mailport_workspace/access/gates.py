"""Limits on what strangers may try, across all processes: GCRA, one row for each limit and who tries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from mailport.errors import Throttled
from mailport_workspace.store import OperatorRows, Store
from mailport_workspace.tables import now

__all__ = ["Gates", "Limit", "network_of"]

_FORGOTTEN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """``burst`` tries at once, and then one more after every ``period``."""

    name: str
    burst: int
    period: timedelta


class Gates:
    """All limits."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._clock = clock

    async def enter(self, *tries: tuple[Limit, str]) -> None:
        """Count a try by each limit. Raises ``Throttled`` with the time to wait, and then counts it by none."""
        async with self._store.operate() as rows:
            for limit, who in _in_order(tries):
                await self._enter(rows, limit, who)

    async def leave(self, *tries: tuple[Limit, str]) -> None:
        """Forget what was tried: who it was is known now."""
        async with self._store.operate() as rows:
            for limit, who in _in_order(tries):
                await rows.open_gate(_key(limit, who))
            await rows.forget_gates(self._clock() - _FORGOTTEN)

    async def _enter(self, rows: OperatorRows, limit: Limit, who: str) -> None:
        at = self._clock()
        gate = await rows.gate(_key(limit, who), at)
        was_put_back = gate.arrival > at + limit.period * (limit.burst + 1)  # the clock: nobody comes so far by trying
        begin = at if was_put_back else max(gate.arrival, at)
        early = begin - at - limit.period * (limit.burst - 1)
        if early > timedelta(0):
            raise _too_many(early.total_seconds())
        gate.arrival = begin + limit.period


def network_of(address: str) -> str:
    """Return whose an address is: of IPv6, one customer has a whole /64."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if ip.version == 6 and ip.ipv4_mapped is not None:  # else all of IPv4 would be one customer
        ip = ip.ipv4_mapped
    return str(ip) if ip.version == 4 else str(ip_network(f"{ip}/64", strict=False))


def _in_order(tries: Sequence[tuple[Limit, str]]) -> Sequence[tuple[Limit, str]]:
    """Return what is locked always in one order: nobody waits in a circle."""
    return sorted(tries, key=lambda one: one[0].name)


def _key(limit: Limit, who: str) -> str:
    return f"{limit.name}:{hashlib.sha256(who.encode()).hexdigest()}"


def _too_many(seconds: float) -> Throttled:
    return Throttled(
        "There were too many tries.", code="authentication.throttled", retry_after=seconds, remedy="Wait, and try again."
    )
