"""Access tokens: at most one request is under way per credential, and all who wait share its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

__all__ = ["Token", "TokenCache"]

EARLY = 60.0
"""Seconds before its end at which a token is renewed: clocks differ, and a request takes its time."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and how many seconds it is valid from now."""

    value: str = field(repr=False)
    lifetime: float


class TokenCache:
    """Tokens by credential, for one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[str, float]] = {}
        self._under_way: dict[str, asyncio.Task[str]] = {}

    def __repr__(self) -> str:
        return f"<TokenCache known={len(self._known)} under_way={len(self._under_way)}>"

    async def get(self, credential: str, fetch: Callable[[], Awaitable[Token]]) -> str:
        """Return the token of ``credential``; ``fetch`` runs only when none is known or it ends soon.

        A failure reaches everybody who waits and is not remembered. Cancelling one who waits leaves the request alone.
        """
        value, renew_at = self._known.get(credential, ("", 0.0))
        if value and self._clock() < renew_at:
            return value
        task = self._under_way.get(credential)
        if task is None:
            task = asyncio.ensure_future(self._fetch(credential, fetch))
            self._under_way[credential] = task
            task.add_done_callback(lambda done: self._landed(credential, done))
        return await asyncio.shield(task)

    def forget(self, credential: str, value: str) -> None:
        """Drop a token that the server refused, unless it was renewed meanwhile."""
        if self._known.get(credential, ("",))[0] == value:
            del self._known[credential]

    async def _fetch(self, credential: str, fetch: Callable[[], Awaitable[Token]]) -> str:
        token = await fetch()
        early = min(EARLY, token.lifetime / 2)  # a token that lives for less than two minutes is still used
        self._known[credential] = (token.value, self._clock() + token.lifetime - early)
        return token.value

    def _landed(self, credential: str, task: asyncio.Task[str]) -> None:
        self._under_way.pop(credential, None)
        if not task.cancelled():
            task.exception()  # seen: whoever waited was told; nobody waiting is no reason for a warning
