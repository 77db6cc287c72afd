"""Who may call: API tokens, signed-in browsers, limits on strangers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mailport_workspace.queries.base import Across, Bound, found
from mailport_workspace.tables import ApiToken, Gate, SignIn, User

__all__ = ["AccessQueries", "AcrossAccess"]


class AccessQueries(Bound):
    """Of one tenant."""

    async def api_tokens(self) -> Sequence[ApiToken]:
        """Return the tokens, by name."""
        return (await self._session.scalars(select(ApiToken).order_by(ApiToken.name))).all()

    async def api_token(self, token: str) -> ApiToken:
        """Return one token. Raises ``NotFound``."""
        return found(await self._session.scalar(select(ApiToken).where(ApiToken.id == token)), "token")

    async def user_of_api_token(self, token: str) -> tuple[ApiToken, User] | None:
        """Return one token and who made it, if both are there: one statement, because every call begins with it."""
        query = select(ApiToken, User).join(User, User.id == ApiToken.user_id).where(ApiToken.id == token)
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def api_token_named(self, name: str) -> ApiToken | None:
        """Return the token of that name, if there is one."""
        return await self._session.scalar(select(ApiToken).where(ApiToken.name == name))

    async def use_api_token(self, token: str, at: datetime) -> None:
        """Note that a token was used."""
        await self._session.execute(update(ApiToken).where(ApiToken.id == token).values(last_used_at=at))

    async def user_of_sign_in(self, sign_in: str) -> tuple[SignIn, User] | None:
        """Return one signed-in browser and who signed in, if both are there."""
        query = select(SignIn, User).join(User, User.id == SignIn.user_id).where(SignIn.id == sign_in)
        row = (await self._session.execute(query)).one_or_none()
        return None if row is None else (row[0], row[1])

    async def see_sign_in(self, sign_in: str, at: datetime) -> None:
        """Note that a browser is still there."""
        await self._session.execute(update(SignIn).where(SignIn.id == sign_in).values(seen_at=at))

    async def remove_sign_in(self, sign_in: str) -> None:
        """Let one browser out."""
        await self._session.execute(delete(SignIn).where(SignIn.id == sign_in))

    async def remove_sign_ins(self, user: str) -> None:
        """Let a user out, on every browser."""
        await self._session.execute(delete(SignIn).where(SignIn.user_id == user))

    async def forget_sign_ins(self, before: datetime) -> None:
        """Delete what has ended."""
        await self._session.execute(delete(SignIn).where(SignIn.expires_at <= before))


class AcrossAccess(Across):
    """Of all tenants."""

    async def gate(self, key: str, at: datetime) -> Gate:
        """Return one limit, made ``at`` that moment where there was none; locked until the transaction ends."""
        insert = postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert
        await self._session.execute(insert(Gate).values(key=key, arrival=at).on_conflict_do_nothing())
        return (await self._session.scalars(select(Gate).where(Gate.key == key).with_for_update())).one()

    async def open_gate(self, key: str) -> None:
        """Forget what was tried."""
        await self._session.execute(delete(Gate).where(Gate.key == key))

    async def forget_gates(self, before: datetime) -> None:
        """Delete limits that have long been open again."""
        await self._session.execute(delete(Gate).where(Gate.arrival < before))
