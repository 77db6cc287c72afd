"""One account's way to the Gmail API: token, quota, lines and errors behind a single ``call``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

from mailport.account import Account
from mailport.errors import AuthenticationFailed
from mailport.services import Services
from mailport.tokens import Token
from mailport.worker import closed
from mailport_google.credential import credential
from mailport_google.fields import GoogleSettings
from mailport_google.line import Line
from mailport_google.lines import Lines, run_alone
from mailport_google.quota import meter
from mailport_google.way import ways

__all__ = ["Build", "Gmail"]

DRAIN = 5.0
"""Seconds that closing waits for requests under way."""

Build: TypeAlias = Callable[[Any], Any]
"""Makes a request from the API's ``users`` resource; runs in a thread, a second time after a token was renewed."""


class Gmail:
    """The API for one session of one account."""

    def __init__(self, account: Account, services: Services) -> None:
        assert isinstance(account.settings, GoogleSettings)  # noqa: S101 - core dispatches accounts of this protocol only
        self.settings = account.settings
        self._account = account
        self._services = services
        self._api, self._tokens = ways(account, self.settings, services)
        self._credential = credential(self.settings)
        self._meter = meter(self.settings, services)
        self._lines: Lines | None = None

    def __repr__(self) -> str:
        return f"<Gmail {self._account.user_name} {self._lines!r} {self._meter!r}>"

    @property
    def has_quota_to_spare(self) -> bool:
        """Whether there is enough quota for what one could do without."""
        return self._meter.has_to_spare

    async def open(self) -> None:
        """Sign in. The connections are made when they are needed."""
        await self.token()
        if self._lines is None:
            self._lines = Lines(self._api, self.settings.parallel_requests)

    async def close(self) -> None:
        """End every connection; what is under way has a few seconds to finish."""
        if self._lines is not None:
            lines, self._lines = self._lines, None
            await lines.close(min(DRAIN, self._account.timeout))

    async def token(self) -> str:
        """Return the access token, fetched if need be."""
        return await self._services.tokens.get(self._credential, self._fetch_token)

    async def reach(self) -> str:
        """Connect to the API and to the token endpoint without asking anything; return the versions of TLS."""
        token_tls = await run_alone(self._tokens, lambda line: line.reach(self.settings.token_url))
        api_tls = await run_alone(self._api, lambda line: line.reach(self.settings.api_url))
        return ", ".join(dict.fromkeys((token_tls, api_tls)))

    async def call(self, build_request: Build, rung: str) -> dict[str, Any]:
        """Do one request; return its answer. ``rung`` names the work in error codes ("send", "read", ...).

        A token that the API refuses is renewed once. Raises a ``MailportError``.
        """
        token = await self.token()
        try:
            return await self._run(partial(self._execute, build_request, rung, token))
        except AuthenticationFailed:
            self._services.tokens.forget(self._credential, token)
        return await self._run(partial(self._execute, build_request, rung, await self.token()))

    async def _run(self, work: Callable[[Line], dict[str, Any]]) -> dict[str, Any]:
        if self._lines is None:
            raise closed()
        return await self._lines.run(work)

    async def _fetch_token(self) -> Token:
        """Fetch a token apart from the lines: others wait for it, and this session may be closed before it is there."""
        return await run_alone(self._tokens, self._ask_for_token)

    def _execute(self, build_request: Build, rung: str, token: str, line: Line) -> dict[str, Any]:
        from mailport_google.api import execute, users  # noqa: PLC0415 - takes half a second, and this is a thread

        request = build_request(users(self.settings.api_url))
        try:
            self._meter.take(request.methodId, rung)
            request.headers["authorization"] = f"Bearer {token}"
            return execute(request, self.settings, rung, line)
        finally:
            with suppress(AttributeError):  # most bodies are text
                request.body.close()

    def _ask_for_token(self, line: Line) -> Token:
        from mailport_google.token import fetch_token  # noqa: PLC0415 - as above

        return fetch_token(self.settings, line)
