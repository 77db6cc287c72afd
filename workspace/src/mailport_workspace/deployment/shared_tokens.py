"""Access tokens that all workers share: at most one request is under way per credential, wherever it is needed (REL-07)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

from mailport.errors import MailportError, TimedOut
from mailport.tokens import EARLY, Token, TokenCache
from mailport_workspace.sealing import KeyRing, Place, SealBroken
from mailport_workspace.store import Store
from mailport_workspace.tables import SharedToken, new_id, now

__all__ = ["SharedTokens"]

_LEASE = timedelta(seconds=60)
"""How long one process may take to ask for a token, before another one does."""
_NO_LEASE = 2 * _LEASE
"""One that ends later than that was begun before the clock was put back."""
_LOOK_AGAIN = 0.2
"""Seconds between two looks whether the process that asks has its answer."""

_log = logging.getLogger(__name__)


class SharedTokens(TokenCache):
    """Tokens of all processes of a deployment, sealed in the database. A credential is known there by a keyed digest only."""

    def __init__(self, store: Store, ring: KeyRing, clock: Callable[[], datetime] = now) -> None:
        super().__init__()
        self._store = store
        self._ring = ring
        self._now = clock
        self._refused: dict[str, str] = {}

    def forget(self, credential: str, value: str) -> None:
        """Drop a token that a server refused. Other processes that have it learn so from their server as well."""
        self._refused[credential] = value
        super().forget(credential, value)

    async def obtain(self, credential: str, fetch: Callable[[], Awaitable[Token]]) -> Token:
        """Return the token that another process has fetched, or fetch it for all of them."""
        key, lease = self.key_of(credential), new_id()
        while (token := await self._shared_or_lease(key, lease, self._refused.get(credential))) is None:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(_LOOK_AGAIN)
        if token == lease:
            token = await self._fetch_for_all(key, lease, fetch)
        self._refused.pop(credential, None)
        assert isinstance(token, Token)  # noqa: S101 - the lease was replaced above
        return token

    async def _shared_or_lease(self, key: str, lease: str, refused: str | None) -> Token | str | None:
        """Return the shared token, or ``lease`` when it is ours to fetch one; None while another process does."""
        at = self._now()
        async with self._store.operate() as rows:
            row = await rows.shared_token(key)
            token = self._opened(row, at)
            if token is not None and token.value != refused:
                return token
            if row.lease is not None and row.leased_until is not None and at < row.leased_until <= at + _NO_LEASE:
                return None
            row.lease, row.leased_until = lease, at + _LEASE
            return lease

    async def _fetch_for_all(self, key: str, lease: str, fetch: Callable[[], Awaitable[Token]]) -> Token:
        try:
            async with asyncio.timeout(_LEASE.total_seconds() * 0.9):
                token = await fetch()
        except TimeoutError as error:
            await self._end_lease(key, lease)
            if isinstance(error, MailportError):
                raise
            raise TimedOut("The token endpoint took too long.", code="authentication.timeout") from error
        except BaseException:
            await asyncio.shield(self._end_lease(key, lease))
            raise
        await self._end_lease(key, lease, token)
        return token

    async def _end_lease(self, key: str, lease: str, token: Token | None = None) -> None:
        """Let others fetch, or use what was fetched. Whoever lost the lease meanwhile changes nothing."""
        with suppress(MailportError):  # the database is away: the lease ends by itself, and the token is good all the same
            async with self._store.operate() as rows:
                row = await rows.shared_token(key)
                if row.lease != lease:
                    return
                row.lease = row.leased_until = None
                if token is not None:
                    row.sealed = self._ring.seal(token.value, _place(key))
                    row.expires_at = self._now() + timedelta(seconds=token.lifetime)

    def _opened(self, row: SharedToken, at: datetime) -> Token | None:
        if not row.sealed or row.expires_at is None:
            return None
        left = (row.expires_at - at).total_seconds()
        try:
            return Token(self._ring.open(row.sealed, _place(row.key)), left) if left > EARLY else None
        except SealBroken as error:  # its key left the ring: another one is fetched
            _log.info("A shared token is fetched anew: %s", error.message)
            return None

    def key_of(self, credential: str) -> str:
        """Return the key of a row: a digest under a key of the ring, by which nobody can guess a short password."""
        return hmac.new(self._ring.keys[self._ring.current], credential.encode(), hashlib.sha256).hexdigest()


def _place(key: str) -> Place:
    return Place("deployment", key, "access_token")
