"""Access tokens: at most one request is under way per credential, and all who wait share its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from mailport.errors import TransportError
from mailport.token_failures import no_token

__all__ = ["Token", "TokenCache"]

EARLY = 60.0
"""Seconds before its end at which a token is renewed: clocks differ, and a request takes its time."""
LIFETIME = 3600.0
"""Seconds that a token is valid whose answer does not say."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and how many seconds it is valid from now.

    Raises ``TransportError`` (``authentication.token_malformed``) for a value that is not printable ASCII: tokens travel in
    headers and commands.
    """

    value: str = field(repr=False)
    lifetime: float

    def __post_init__(self) -> None:
        if not (self.value and self.value.isascii() and self.value.isprintable()):
            raise no_token(None, "Check the address of the token endpoint.")

    @classmethod
    def from_answer(cls, answer: Any, *, field: str, remedy: str) -> Token:
        """Return the token in an endpoint's answer (RFC 6749 section 5.1).

        ``field`` is the setting that says where the endpoint is, ``remedy`` what to do about an answer without a token.
        """
        try:
            return cls(answer["access_token"], float(answer.get("expires_in") or LIFETIME))
        except (ValueError, TypeError, KeyError, AttributeError, TransportError) as error:
            raise no_token(field, remedy) from error


class TokenCache:
    """Tokens by credential, for one event loop. A host that shares tokens between processes overrides ``obtain``."""

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

    async def obtain(self, credential: str, fetch: Callable[[], Awaitable[Token]]) -> Token:  # noqa: ARG002 - for those who override
        """Return a token that this cache does not have; called once at a time for each credential."""
        return await fetch()

    async def _fetch(self, credential: str, fetch: Callable[[], Awaitable[Token]]) -> str:
        token = await self.obtain(credential, fetch)
        early = min(EARLY, token.lifetime / 2)  # a token that lives for less than two minutes is still used
        self._known[credential] = (token.value, self._clock() + token.lifetime - early)
        return token.value

    def _landed(self, credential: str, task: asyncio.Task[str]) -> None:
        self._under_way.pop(credential, None)
        if not task.cancelled():
            task.exception()  # seen: whoever waited was told; nobody waiting is no reason for a warning
