"""Sign-in: passwords behind limits, then a cookie, and a token that a forged request cannot have (SEC-06)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta

from mailport.errors import AuthenticationFailed, PermissionDenied, Problem
from mailport_workspace.access.caller import Caller
from mailport_workspace.access.credential import Credential, refused
from mailport_workspace.access.gates import Gates, Limit, network_of
from mailport_workspace.storable import is_storable
from mailport_workspace.store import Store
from mailport_workspace.tables import SignIn, new_id, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.users import Users
from mailport_workspace.tenants.values import refuse

__all__ = ["SignIns"]

BY_ACCOUNT = Limit(name="account", burst=5, period=timedelta(seconds=30))
"""From one network: a stranger keeps nobody out who comes from elsewhere."""
BY_ACCOUNT_ANYWHERE = Limit(name="account_anywhere", burst=100, period=timedelta(seconds=5))
"""Loose: many networks at once guess no faster than this, and it takes as many to keep a user out."""
BY_ADDRESS = Limit(name="address", burst=30, period=timedelta(seconds=2))
LASTS = timedelta(hours=12)
IDLE = timedelta(hours=2)
_SEEN_AGAIN = timedelta(minutes=1)  # a write for every call would make readers writers


class SignIns:
    """The signed-in browsers of all tenants."""

    def __init__(self, store: Store, users: Users, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._users = users
        self._gates = Gates(store, clock)
        self._clock = clock

    async def sign_in(self, tenant: str, email: str, password: str, *, address: str) -> Credential:
        """Let a user of the tenant with that name in, who calls from ``address``.

        Raises ``AuthenticationFailed``, which does not say whether the tenant, the user or the password is wrong, and
        ``Throttled``.
        """
        async with self._store.survey() as rows:
            named = await rows.tenant_named(tenant) if is_storable(tenant) else None
        return await self.begin(await self._checked(named.id if named else "unknown", email, password, address))

    async def change_password(self, actor: Actor, current: str, new: str, *, address: str) -> Credential:
        """Set one's own password, and let nobody stay in but who did so."""
        email = str((await self._users.read(actor, actor.user))["email"])
        try:
            await self._checked(actor.tenant, email, current, address)
        except AuthenticationFailed:
            refuse([Problem("current", "authentication.refused", "This is not the present password.")])
        await self._users.set_password(actor, actor.user, new)
        return await self.begin(actor)

    async def _checked(self, tenant: str, email: str, password: str, address: str) -> Actor:
        account, network = f"{tenant}|{email.strip().lower()}", network_of(address)
        by_account = ((BY_ACCOUNT, f"{account}|{network}"), (BY_ACCOUNT_ANYWHERE, account))
        await self._gates.enter((BY_ADDRESS, network), *by_account)
        actor = await self._users.sign_in(tenant, email, password)
        await self._gates.leave(*by_account)
        return actor

    async def begin(self, actor: Actor) -> Credential:
        """Let a user in; return what the browser keeps as cookie."""
        credential = Credential.fresh(actor.tenant, new_id())
        row = SignIn(id=credential.id, user_id=actor.user, digest=credential.digest, created_at=self._clock())
        row.csrf_digest, row.seen_at, row.expires_at = _digest(credential), row.created_at, row.created_at + LASTS
        async with self._store.write(actor.tenant) as rows:
            await rows.forget_sign_ins(self._clock())
            await rows.add(row)
        return credential

    async def caller(self, cookie: str) -> Caller:
        """Return who calls. Raises ``AuthenticationFailed``."""
        shown = Credential.parse(cookie)
        async with self._store.read(shown.tenant) as rows:
            found = await rows.user_of_sign_in(shown.id)
        if found is None:
            raise refused()
        row, user = found
        if not shown.fits(row.digest) or not self._lasts(row) or not user.active:
            raise refused()
        await self._see(row)
        return Caller.of(user, sign_in=row.id)

    def check_csrf(self, cookie: str, token: str) -> None:
        """Refuse a request whose token does not belong to its cookie (SEC-06)."""
        if not hmac.compare_digest(Credential.parse(cookie).csrf.encode(), token.encode()):
            raise PermissionDenied(
                "The token against forged requests is missing or does not belong to the session.",
                code="permission.csrf",
                remedy="Send the csrf_token of GET /api/v1/session as X-CSRF-Token.",
            )

    async def end(self, caller: Caller) -> None:
        """Let the browser out."""
        async with self._store.write(caller.actor.tenant) as rows:
            await rows.remove_sign_in(caller.sign_in)

    def _lasts(self, row: SignIn) -> bool:
        return self._clock() < min(row.expires_at, row.seen_at + IDLE)

    async def _see(self, row: SignIn) -> None:
        if self._clock() - row.seen_at >= _SEEN_AGAIN:
            async with self._store.write(row.tenant_id) as rows:
                await rows.see_sign_in(row.id, self._clock())


def _digest(credential: Credential) -> str:
    return Credential(credential.tenant, credential.id, credential.csrf).digest
