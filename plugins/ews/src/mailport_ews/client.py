"""A mailbox's session: signs in, keeps the thread that owns the connection, and renews a refused token once."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from mailport.account import Account
from mailport.errors import AuthenticationFailed, ConfigurationError
from mailport.services import Services
from mailport.worker import Worker
from mailport_ews.dialing import Dialer
from mailport_ews.exchange import VERSIONS, Exchange
from mailport_ews.operations import Operations
from mailport_ews.signin import Bearer, offered, password_auth
from mailport_ews.translate import explain_status

__all__ = ["Client"]

P = ParamSpec("P")
T = TypeVar("T")


class Client:
    """One connection to EWS for one account."""

    def __init__(self, account: Account, services: Services) -> None:
        self._account = account
        self._services = services
        self._dialer = Dialer(account, services)
        self._exchange = Exchange(account, self._dialer)
        self._worker = Worker("ews", self._dialer.cut)
        self._token = ""
        self.operations = Operations(account, self._exchange)

    def __repr__(self) -> str:
        return f"<Client {self._account.user_name} {self._worker!r}>"

    @property
    def alive(self) -> bool:
        """Whether the session can be used."""
        return not self._worker.broken

    @property
    def has_token(self) -> bool:
        """Whether the account signs in with a token."""
        return hasattr(self._account.settings, "client_id")

    async def open(self) -> None:
        """Sign in. If that fails nothing stays open."""
        try:
            if not self.has_token:
                await self.greet()
            await self.sign_in()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connection and end its thread; in bounded time, and more than once without harm."""
        await self._worker.close()
        self._exchange.close()
        self._dialer.release()

    def abort(self) -> None:
        """Cut the connection under whatever is under way on it."""
        self._worker.abort()

    async def greet(self) -> frozenset[str]:
        """Ask without signing in; return the ways to sign in that the server offers."""
        status, headers = await self._worker.run(self._exchange.status, self.operations.greeting())
        schemes = offered(headers.get("WWW-Authenticate"))
        if status not in (200, 401):
            raise explain_status(status, headers, self._account)
        if not self.has_token:
            self._exchange.auth = password_auth(self._account, schemes)
        return schemes

    async def sign_in(self) -> None:
        """Look at the inbox as the account, in the newest schema that the server speaks."""
        for version in VERSIONS:
            self._exchange.version = version
            try:
                await self.call(self.operations.look_at, self.operations.inbox())
            except ConfigurationError as error:
                if error.code != "capabilities.version" or version is VERSIONS[-1]:
                    raise
            else:
                return

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something in the mailbox; with a fresh token once more if the server refuses the one we have."""
        await self.renew_token()
        try:
            return await self._worker.run(function, *args, **kwargs)
        except AuthenticationFailed as error:
            if not self.has_token or error.provider_code != "401":
                raise
        self._forget_token()
        await self.renew_token()
        return await self._worker.run(function, *args, **kwargs)

    async def renew_token(self) -> None:
        """Get a token if the account needs one and its own has ended."""
        if self.has_token:
            from mailport_ews.oauth import access_token  # noqa: PLC0415 - accounts with a password need no msal

            self._token = await access_token(self._account, self._services)
            self._exchange.auth = Bearer(self._token)

    def _forget_token(self) -> None:
        from mailport_ews.oauth import forget_token  # noqa: PLC0415 - as above

        forget_token(self._account, self._services, self._token)
