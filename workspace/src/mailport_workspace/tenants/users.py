"""Who signs in: users with roles, their passwords hashed with Argon2."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import TypeAdapter, ValidationError

from mailport.errors import AuthenticationFailed, ConfigurationError
from mailport.fields import MailAddress
from mailport_workspace.storable import is_storable
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import Role, User, new_id
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields
from mailport_workspace.tenants.values import refuse_unstorable

__all__ = ["SHORTEST_PASSWORD", "Users"]

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024  # hashing takes time with the length, and anybody may try to sign in

_log = logging.getLogger(__name__)
_hasher = PasswordHasher()
_address = TypeAdapter(MailAddress)


class Users:
    """The users of all tenants."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, actor: Actor, *, email: str, name: str, role: Role, password: str) -> str:
        """Make a user; return the id."""
        actor.require_administrator()
        refuse_unstorable({"email": email, "name": name, "password": password})
        user = User(id=new_id(), email=_email(email), name=name.strip() or email, role=role, active=True)
        user.password_hash = await _hashed(password)
        async with self._store.write(actor.tenant) as rows:
            if await rows.user_by_email(user.email) is not None:
                raise ConfigurationError(f"{user.email} is a user already.", code="settings.taken", field="email")
            await rows.add(user, *changed_fields(actor, f"user {user.email}", {}, _shown(user)))
        return user.id

    async def list(self, actor: Actor) -> list[dict[str, object]]:
        """Return all users, without what their passwords were hashed to."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            return [{"id": user.id, **_shown(user)} for user in await rows.users()]

    async def read(self, actor: Actor, user: str) -> dict[str, object]:
        """Return one user; everybody may read oneself."""
        if actor.user != user:
            actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            row = await rows.user(user)
        return {"id": row.id, **_shown(row)}

    async def change(
        self, actor: Actor, user: str, *, name: str | None = None, role: Role | None = None, active: bool | None = None
    ) -> None:
        """Give another name or role, or let in or out. The last active administrator stays one."""
        actor.require_administrator()
        refuse_unstorable({"name": name})
        async with self._store.write(actor.tenant) as rows:
            await rows.users(for_update=True)  # of two administrators who shut out each other, the second sees the first do it
            row = await rows.user(user)
            before = _shown(row)
            row.name = row.name if name is None else name
            row.role = row.role if role is None else role
            row.active = row.active if active is None else active
            await _refuse_without_administrator(rows)
            await rows.add(*changed_fields(actor, f"user {row.email}", before, _shown(row)))

    async def set_password(self, actor: Actor, user: str, password: str) -> None:
        """Set a password: one's own, or as an administrator anybody's. The user is signed out everywhere."""
        if actor.user != user:
            actor.require_administrator()
        refuse_unstorable({"password": password})
        hashed = await _hashed(password)
        async with self._store.write(actor.tenant) as rows:
            row = await rows.user(user)
            row.password_hash = hashed
            await rows.remove_sign_ins(user)
            await rows.add(*changed_fields(actor, f"user {row.email}", {}, {"password": "changed"}))

    async def sign_in(self, tenant: str, email: str, password: str) -> Actor:
        """Return who signed in. Raises ``AuthenticationFailed``, as late for an unknown user as for a wrong password."""
        async with self._store.read(tenant) as rows:
            user = await rows.user_by_email(email.strip().lower()) if is_storable(email) else None
        known = user.password_hash if user is not None and user.active else await asyncio.to_thread(_nobodys_hash)
        is_right = await asyncio.to_thread(_verify, known, password)
        if user is None or not user.active or not is_right:
            raise AuthenticationFailed("E-mail address or password is wrong.", code="authentication.refused")
        if _hasher.check_needs_rehash(known):
            await self._rehash(tenant, user.id, password)
        return Actor.of(user)

    async def known(self, tenant: str, *, email: str, name: str, role: Role) -> Actor:
        """Return the user whom a trusted provider vouches for, with today's role; made where there is none.

        The last administrator stays one. Raises ``AuthenticationFailed`` for one who was shut out here.
        """
        refuse_unstorable({"email": email, "name": name})
        address = _email(email)
        async with self._store.write(tenant) as rows:
            user = await rows.user_by_email(address)
            before = _shown(user) if user is not None else {}
            if user is None:
                user = User(id=new_id(), tenant_id=tenant, email=address, name=name.strip()[:200] or address, role=role)
                user.active, user.password_hash = True, ""
                await rows.add(user)
            if not user.active:
                raise AuthenticationFailed("This user may not sign in.", code="authentication.refused")
            user.role = await _vouched_role(rows, user, role)
            await rows.add(*changed_fields(Actor.of(user), f"user {user.email}", before, _shown(user)))
        return Actor.of(user)

    async def _rehash(self, tenant: str, user: str, password: str) -> None:
        hashed = await asyncio.to_thread(_hasher.hash, password)
        async with self._store.write(tenant) as rows:
            (await rows.user(user)).password_hash = hashed


async def _vouched_role(rows: TenantRows, user: User, role: Role) -> Role:
    """Return the role that a provider names, unless nobody would administer the tenant any more."""
    if role is Role.ADMINISTRATOR or user.role is not Role.ADMINISTRATOR:
        return role
    if _administer([other for other in await rows.users(for_update=True) if other.id != user.id]):
        return role
    _log.warning("The provider names another role for the last administrator of the tenant, who stays one.")
    return user.role


def _administer(users: Sequence[User]) -> bool:
    return any(user.active and user.role is Role.ADMINISTRATOR for user in users)


async def _refuse_without_administrator(rows: TenantRows) -> None:
    if not _administer(await rows.users()):
        raise ConfigurationError(
            "Somebody must be able to administer the tenant.",
            code="settings.last_administrator",
            field="role",
            remedy="Make another user an administrator first.",
        )


async def _hashed(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ConfigurationError(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.", code="settings.password", field="password"
        )
    return await asyncio.to_thread(_hasher.hash, password)


def _verify(hashed: str, password: str) -> bool:
    try:
        return len(password) <= LONGEST_PASSWORD and is_storable(password) and _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    """Return a hash that no password fits: looking up an unknown user takes as long as a known one."""
    return _hasher.hash(secrets.token_hex(32))


def _email(value: str) -> str:
    try:
        return _address.validate_python(value).lower()
    except ValidationError as error:
        said = str(error.errors(include_input=False, include_url=False)[0]["msg"])
        raise ConfigurationError(said, code="settings.invalid", field="email") from error


def _shown(user: User) -> dict[str, object]:
    return {"email": user.email, "name": user.name, "role": str(user.role), "active": user.active}
