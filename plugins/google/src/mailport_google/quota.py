"""Google's quota: how many units each method costs, and a bucket of units that every user of a mailbox shares.

The numbers are Google's (see the README). Nothing here waits: who finds the bucket empty is told when to come back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from weakref import WeakKeyDictionary

from mailport.errors import Throttled
from mailport.services import Services
from mailport.tokens import TokenCache
from mailport_google.fields import GoogleSettings

__all__ = ["Bucket", "Meter", "meter"]

PER_MINUTE = {"new": 6_000, "old": 15_000}
_GET = {"new": 20, "old": 5}
COSTS = {
    "gmail.users.getProfile": 1,
    "gmail.users.history.list": 2,
    "gmail.users.labels.create": 5,
    "gmail.users.labels.list": 1,
    "gmail.users.messages.batchModify": 50,
    "gmail.users.messages.list": 5,
    "gmail.users.messages.modify": 5,
    "gmail.users.messages.send": 100,
    "gmail.users.messages.trash": 5,
}


class Bucket:
    """Units that come back at an even pace; full at the start. Threads may share it."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._capacity = float(per_minute)
        self._clock = clock
        self._lock = threading.Lock()
        self._level = self._capacity
        self._at = clock()

    def __repr__(self) -> str:
        return f"<Bucket {self._level:.0f} of {self._capacity:.0f}>"

    def take(self, units: float) -> float:
        """Take ``units``; return 0, or after how many seconds they will be there, in which case nothing was taken."""
        with self._lock:
            self._refill()
            missing = units - self._level
            if missing <= 0:
                self._level -= units
                return 0.0
            return missing * 60 / self._capacity

    @property
    def is_half_full(self) -> bool:
        """Whether there is enough for what one could do without."""
        with self._lock:
            self._refill()
            return self._level > self._capacity / 2

    def _refill(self) -> None:
        now = self._clock()
        self._level = min(self._capacity, self._level + (now - self._at) * self._capacity / 60)
        self._at = now


class Meter:
    """The bucket of one mailbox, and what the methods cost in the account's project."""

    def __init__(self, bucket: Bucket, project: str) -> None:
        self._bucket = bucket
        self._project = project

    def __repr__(self) -> str:
        return f"<Meter {self._bucket!r}>"

    @property
    def has_to_spare(self) -> bool:
        """Whether more than half of a minute's units is left."""
        return self._bucket.is_half_full

    def take(self, method: str, rung: str) -> None:
        """Pay for a call of ``method``. Raises ``Throttled`` before anything was sent where the units are used up."""
        wait = self._bucket.take(COSTS.get(method) or _GET[self._project])
        if wait:
            raise Throttled(
                "The units of the Gmail API for this minute are used up.",
                code=f"{rung}.quota",
                retry_after=wait,
                remedy="Wait, or raise Quota Units per Minute if Google granted the project more.",
            )


_buckets: WeakKeyDictionary[TokenCache, dict[tuple[str, str, int], Bucket]] = WeakKeyDictionary()
"""By host (each has one token cache), project, mailbox and limit: both directions of a mailbox draw from one bucket."""


def meter(settings: GoogleSettings, services: Services) -> Meter:
    """Return the meter of a mailbox, the same for all its sessions in one host."""
    per_minute = settings.quota_units_per_minute or PER_MINUTE[settings.project_quota]
    key = (settings.service_account_address.rpartition("@")[2].lower(), settings.user_name.lower(), per_minute)
    shared = _buckets.setdefault(services.tokens, {})
    return Meter(shared.setdefault(key, Bucket(per_minute, services.clock)), settings.project_quota)
