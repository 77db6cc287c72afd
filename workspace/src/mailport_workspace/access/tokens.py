"""API tokens: shown once, stored as a digest, limited by scopes, and never more than the user who made them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from mailport.errors import Problem
from mailport_workspace.access.caller import Caller, Scope
from mailport_workspace.access.credential import Credential, refused
from mailport_workspace.store import Store
from mailport_workspace.tables import ApiToken, new_id, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields
from mailport_workspace.tenants.values import refuse, refuse_unstorable

__all__ = ["Tokens"]

_USED_AGAIN = timedelta(minutes=1)  # a write for every call would make readers writers


class Tokens:
    """The API tokens of all tenants."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._clock = clock

    async def create(
        self, actor: Actor, *, name: str, scopes: Sequence[Scope], expires_at: datetime | None = None
    ) -> tuple[ApiToken, str]:
        """Make a token that acts for its maker; return the row and the token itself, which is not shown again."""
        actor.require_administrator()
        refuse_unstorable({"name": name})
        if expires_at is not None and expires_at <= self._clock():
            refuse([Problem("expires_at", "settings.invalid", "A token must end in the future.")])
        credential = Credential.fresh(actor.tenant, new_id())
        row = ApiToken(id=credential.id, name=name, digest=credential.digest, user_id=actor.user, created_at=self._clock())
        row.scopes, row.expires_at = sorted({str(scope) for scope in scopes}), expires_at
        async with self._store.write(actor.tenant) as rows:
            if await rows.api_token_named(name) is not None:
                refuse([Problem("name", "settings.taken", f"There is a token “{name}” already.")])
            await rows.add(row, *changed_fields(actor, f"token {name}", {}, {"scopes": row.scopes}))
        return row, credential.text

    async def list(self, actor: Actor) -> Sequence[ApiToken]:
        """Return all tokens, by name."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            return await rows.api_tokens()

    async def revoke(self, actor: Actor, token: str) -> None:
        """End a token for good; it stays in the list."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            row = await rows.api_token(token)
            if row.revoked_at is None:
                row.revoked_at = self._clock()
                await rows.add(*changed_fields(actor, f"token {row.name}", {}, {"revoked": True}))

    async def caller(self, token: str) -> Caller:
        """Return who calls. Raises ``AuthenticationFailed``."""
        shown = Credential.parse(token)
        async with self._store.read(shown.tenant) as rows:
            found = await rows.user_of_api_token(shown.id)
        if found is None:
            raise refused()
        row, user = found
        if not shown.fits(row.digest) or not self._lasts(row) or not user.active:
            raise refused()
        await self._use(row)
        return Caller.of(user, scopes=frozenset(Scope(scope) for scope in row.scopes))

    def _lasts(self, row: ApiToken) -> bool:
        return row.revoked_at is None and (row.expires_at is None or self._clock() < row.expires_at)

    async def _use(self, row: ApiToken) -> None:
        if row.last_used_at is None or self._clock() - row.last_used_at >= _USED_AGAIN:
            async with self._store.write(row.tenant_id) as rows:
                await rows.use_api_token(row.id, self._clock())
