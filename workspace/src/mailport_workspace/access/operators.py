"""Tokens of the operator: they run the deployment, and open nothing that belongs to a tenant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from mailport.errors import NotFound, Problem
from mailport_workspace.access.credential import OPERATOR, Credential, refused
from mailport_workspace.store import Store
from mailport_workspace.tables import OperatorToken, new_id, now
from mailport_workspace.tenants.directory import Operator
from mailport_workspace.tenants.values import refuse, refuse_unstorable

__all__ = ["Operators"]

_USED_AGAIN = timedelta(minutes=1)  # a write for every call would make readers writers


class Operators:
    """Who runs the deployment over the API: each is a token that was made on the command line."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._clock = clock

    async def create(self, maker: Operator, name: str, *, expires_at: datetime | None = None) -> str:
        """Make a token; return it, for it is not shown again."""
        refuse_unstorable({"name": name})
        if not name.strip():
            refuse([Problem("name", "settings.missing", "A token needs a name.")])
        if expires_at is not None and expires_at <= self._clock():
            refuse([Problem("expires_at", "settings.invalid", "A token must end in the future.")])
        credential = Credential.fresh(OPERATOR, new_id())
        row = OperatorToken(id=credential.id, name=name.strip(), digest=credential.digest, created_at=self._clock())
        row.expires_at = expires_at
        async with self._store.operate() as rows:
            if await rows.operator_token_named(row.name) is not None:
                refuse([Problem("name", "settings.taken", f"There is a token “{row.name}” already.")])
            await rows.add(row, maker.changed(f"operator token {row.name}", "exists", "", "yes", self._clock()))
        return credential.text

    async def list(self) -> Sequence[OperatorToken]:
        """Return all tokens by name, also those that have ended."""
        async with self._store.survey() as rows:
            return await rows.operator_tokens()

    async def revoke(self, maker: Operator, name: str) -> None:
        """End a token for good; it stays in the list. Raises ``NotFound``."""
        async with self._store.operate() as rows:
            row = await rows.operator_token_named(name)
            if row is None:
                raise NotFound(f"There is no token “{name}”.", code="store.missing", field="name", remedy="See the list.")
            if row.revoked_at is None:
                row.revoked_at = self._clock()
                await rows.add(maker.changed(f"operator token {row.name}", "revoked", "", "yes", self._clock()))

    async def caller(self, token: str) -> Operator:
        """Return who calls. Raises ``AuthenticationFailed``."""
        shown = Credential.parse(token)
        async with self._store.survey() as rows:
            row = await rows.operator_token(shown.id) if shown.tenant == OPERATOR else None
        if row is None or not shown.fits(row.digest) or not self._lasts(row):
            raise refused()
        await self._use(row)
        return Operator(row.name)

    def _lasts(self, row: OperatorToken) -> bool:
        return row.revoked_at is None and (row.expires_at is None or self._clock() < row.expires_at)

    async def _use(self, row: OperatorToken) -> None:
        if row.last_used_at is None or self._clock() - row.last_used_at >= _USED_AGAIN:
            async with self._store.operate() as rows:
                await rows.use_operator_token(row.id, self._clock())
