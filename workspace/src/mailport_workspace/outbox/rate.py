"""The rate limit of an account, by the generic cell rate algorithm: one moment in its row stands for everything sent so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

__all__ = ["RateLimit", "rate_limit_of"]

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``per_minute`` messages in any minute; what a second allows may leave at once."""

    per_minute: int

    @property
    def _burst(self) -> int:
        return max(1, self.per_minute // 60)

    @property
    def _interval(self) -> timedelta:
        """A burst at the end of a quiet time must not push a minute above its limit."""
        return timedelta(seconds=_MINUTE / (self.per_minute + 1 - self._burst))

    def room(self, arrival: datetime | None, moment: datetime) -> int:
        """Return how many messages may leave at ``moment``; ``arrival`` is the theoretical arrival time that is kept."""
        ahead = (self._begin(arrival, moment) - moment) / self._interval
        return max(0, int(self._burst - ahead + 1e-9))

    def advanced(self, arrival: datetime | None, moment: datetime, count: int) -> datetime:
        """Return the theoretical arrival time after ``count`` more messages."""
        return self._begin(arrival, moment) + count * self._interval

    def _begin(self, arrival: datetime | None, moment: datetime) -> datetime:
        """One further away than a burst comes from another limit, or from before the clock was put back: it is none."""
        if arrival is None or arrival > moment + (self._burst + 1) * self._interval:
            return moment
        return max(arrival, moment)

    def opens_at(self, arrival: datetime) -> datetime:
        """Return when the next message may leave."""
        return arrival - (self._burst - 1) * self._interval


def rate_limit_of(options: Mapping[str, Any]) -> RateLimit | None:
    """Return the limit among the options of a tenant (``rate_limit``, messages a minute), or None where there is none."""
    per_minute = options.get("rate_limit")
    return RateLimit(per_minute) if isinstance(per_minute, int) and per_minute > 0 else None
