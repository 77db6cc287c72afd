"""Calls to other systems over HTTP: to addresses that the egress policy permits, with answers of a bounded size.

A name is resolved and checked here and the checked address is the one used; TLS still verifies the name. Redirects are not
followed: they would lead where nobody checked. Nothing is read from the environment.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpcore2

from mailport import tls
from mailport.causes import causes
from mailport.egress import EgressPolicy
from mailport.errors import ConfigurationError, MailportError, Problem, TimedOut, TransportError, Unreachable

__all__ = ["Answer", "CheckedBackend", "WebClient", "url_problem"]

_SCHEMES = {"https": 443, "http": 80}
_LONGEST_URL = 2000


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections for a pool of httpcore, to addresses that the policy permits."""

    def __init__(self, policy: EgressPolicy) -> None:
        self._policy = policy
        self._wire = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first permitted address that answers. Raises ``ConfigurationError`` where none is permitted."""
        failure: Exception | None = None
        for address in await self._policy.resolve(host, port):
            try:
                return await self._wire.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError("no address")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``headers`` have names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the status says so."""
        return 200 <= self.status < 300

    def retry_after(self, moment: datetime) -> float | None:
        """Return in how many seconds the other system wants to be asked again, if it says so."""
        said = self.headers.get("retry-after", "").strip()
        if said.isascii() and said.isdigit():
            return float(said[:9])
        try:
            until = parsedate_to_datetime(said)
        except (TypeError, ValueError):
            return None
        until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
        return max(0.0, (until - moment).total_seconds())


class WebClient:
    """Calls other systems; may be used by many tasks at once. ``context`` is what TLS verifies with."""

    def __init__(self, policy: EgressPolicy, *, context: ssl.SSLContext | None = None) -> None:
        self._policy = policy
        self._context = context
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def close(self) -> None:
        """Close every connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, timeout: float, limit: int) -> Answer:
        """Post ``body``; return the answer, whatever its status. ``timeout`` in seconds is for all of it, ``limit`` in bytes.

        Raises ``ConfigurationError`` where it may not go, ``Unreachable``, ``TimedOut``, and ``TransportError`` for an answer
        that is too large.
        """
        return await self._call("POST", url, body, headers, timeout=timeout, limit=limit)

    async def get(self, url: str, headers: Mapping[str, str], *, timeout: float, limit: int) -> Answer:
        """Do what ``post`` does, without a body."""
        return await self._call("GET", url, b"", headers, timeout=timeout, limit=limit)

    async def _call(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], *, timeout: float, limit: int
    ) -> Answer:
        refuse_url(url, self._policy)
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(method, url, body, headers, limit)
        except MailportError as error:
            error.field = "url"
            raise
        except (TimeoutError, httpcore2.TimeoutException) as error:
            said = f"{_host(url)} did not answer within {timeout:g} seconds."
            raise TimedOut(said, code="web.timeout", field="url", remedy="Look at the other system.") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
            raise _explained(error, _host(url)) from error

    async def _exchange(self, method: str, url: str, body: bytes, headers: Mapping[str, str], limit: int) -> Answer:
        sent = {"Accept-Encoding": "identity", "User-Agent": "mailport-workspace", **headers}
        async with self._opened().stream(method, url, headers=list(sent.items()), content=body) as response:
            said = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Answer(response.status, said, await _bounded(response, limit, _host(url)))

    def _opened(self) -> httpcore2.AsyncConnectionPool:
        if self._pool is None:
            self._pool = httpcore2.AsyncConnectionPool(
                ssl_context=self._context or ssl.create_default_context(),
                max_connections=None,
                max_keepalive_connections=20,
                keepalive_expiry=30.0,
                network_backend=CheckedBackend(self._policy),
            )
        return self._pool


def url_problem(url: str, policy: EgressPolicy, *, field: str = "url") -> Problem | None:
    """Return what is wrong with an address that somebody entered; without TLS only hosts that the operator named are called."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return Problem(field, "settings.url", "That is no URL.", "Write it as https://host/path.")
    is_plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= _LONGEST_URL and port != 0
    if not is_plain or parts.scheme not in _SCHEMES or not parts.hostname or parts.fragment:
        return Problem(field, "settings.url", "That is no URL of a web service.", "Write it as https://host/path.")
    if parts.username is not None or parts.password is not None:
        return Problem(field, "settings.url", "A URL must not hold a user or password.", "Calls are signed instead.")
    if parts.scheme == "http" and not _is_named(parts.hostname, policy):
        return Problem(field, "settings.url_without_tls", "The URL must begin with https://.", "Use TLS.")
    return None


def refuse_url(url: str, policy: EgressPolicy) -> None:
    """Raise ``ConfigurationError`` for an address that may not be called."""
    problem = url_problem(url, policy)
    if problem is not None:
        raise ConfigurationError(problem.message, problems=(problem,))


def _is_named(host: str, policy: EgressPolicy) -> bool:
    return not policy.public_only or host.lower() in {entry.lower() for entry in policy.allowed}


async def _bounded(response: httpcore2.Response, limit: int, host: str) -> bytes:
    body = bytearray()
    async for piece in response.aiter_stream():
        body += piece
        if len(body) > limit:
            raise TransportError(f"{host} answered with more than {limit} bytes.", code="web.too_large", field="url")
    return bytes(body)


def _explained(error: Exception, host: str) -> MailportError:
    """Return the failure as the error that says what to do; httpcore has the cause of it below its own."""
    refusal = next((cause for cause in causes(error, hidden=True) if isinstance(cause, ssl.SSLError)), None)
    if refusal is not None:
        failure = tls.explain(refusal, host=host)
        failure.field = "url"
        return failure
    is_refused = isinstance(error, httpcore2.ConnectError)
    said = "cannot be reached" if is_refused else "broke the connection off"
    return Unreachable(f"{host} {said}.", code="web.unreachable", field="url", remedy="Look at the other system.")


def _host(url: str) -> str:
    return urlsplit(url).hostname or "the other system"
