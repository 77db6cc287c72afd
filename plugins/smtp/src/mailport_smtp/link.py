"""One connection to a mail server that is read from: what IMAP and POP3 have in common until the mailbox is open."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from mailport import tls
from mailport.account import Account
from mailport.errors import AuthenticationFailed, ConfigurationError, MailportError
from mailport.services import Services
from mailport.transport import Rung
from mailport.worker import Worker
from mailport_smtp.oauth import access_token, forget_token
from mailport_smtp.receive_translate import explain, is_fatal
from mailport_smtp.said import clean
from mailport_smtp.signin import Credentials

__all__ = ["Link"]

P = ParamSpec("P")
T = TypeVar("T")

_STATUS = re.compile(r"(?:\* OK|\+OK)\s*(?:\[[^\]]*\]\s*)?")
_FAREWELL = 5.0
"""Seconds that a server may take to answer a farewell that decides nothing."""


class _Incoming(Protocol):
    """What the settings of every incoming account of this package have."""

    host: str
    port: int
    use_ssl_tls: str
    minimum_tls_version: str
    ca_certificates: str
    proxy_url: str


class Link(ABC):
    """A connection with its thread: connect, secure and greet (or greet and secure), sign in, work, close.

    Methods without ``async`` block and run in the thread only.
    """

    def __init__(self, account: Account, services: Services) -> None:
        self.account = account
        self.services = services
        self.settings = cast("_Incoming", account.settings)
        self.farewell = _FAREWELL
        self.connection: socket.socket | None = None
        self._signed_in = False
        self._handle: socket.socket | None = None
        self._worker = Worker(account.protocol, self._cut)

    @property
    def alive(self) -> bool:
        """Whether the session can be used, as far as is known without asking the server."""
        return self._signed_in and not self._worker.broken

    @property
    def is_token(self) -> bool:
        """Whether the account signs in with a token."""
        return self.account.settings.option() == "xoauth2"

    async def open(self) -> None:
        """Connect and sign in; on failure nothing is left open."""
        try:
            await self.connect()
            if self.settings.use_ssl_tls == "SSL":
                await self.secure()
            await self.greet()
            if self.settings.use_ssl_tls == "TLS":
                await self.upgrade()
            await self.sign_in()
        except BaseException:
            await self.close()
            raise

    async def connect(self) -> str:
        """Connect to an address that the egress policy permits; return it."""
        if self._worker.broken:  # a session that was closed is opened again
            self._worker = Worker(self.account.protocol, self._cut)
        where, timeout = self.settings, self.account.timeout
        connection = await self.services.egress.connect(
            where.host, where.port, timeout=timeout, proxy_url=where.proxy_url or None
        )
        connection.settimeout(timeout)
        # A second handle, because TLS moves the first one into an object that is out of reach while the handshake lasts.
        self._handle = connection.dup()
        self.connection = connection
        return f"{where.host}:{where.port} answers."

    async def secure(self) -> str:
        """Begin TLS before the server speaks; return what was agreed on."""
        return await self.run(Rung.TLS, self._secure)

    async def greet(self, patience: float | None = None) -> str:
        """Read the greeting and the capabilities, within ``patience`` seconds; return the greeting."""
        return await self.run(Rung.GREETING, self._greet_within, patience or self.account.timeout)

    def _greet_within(self, seconds: float) -> str:
        assert self.connection is not None  # noqa: S101 - connect came first
        self.connection.settimeout(seconds)
        greeting = self._greet()
        self.connection.settimeout(self.account.timeout)
        return greeting

    async def upgrade(self) -> str:
        """Change to TLS after the greeting, or refuse to go on; return what was agreed on."""
        return await self.run(Rung.TLS, self._upgrade)

    async def sign_in(self) -> str:
        """Sign in, once; with a fresh token once more, where the server refused one that may have been revoked."""
        credentials = await self._credentials()
        try:
            mechanism = await self.run(Rung.AUTHENTICATION, self._sign_in, credentials)
        except AuthenticationFailed:
            if not self.is_token:
                raise
            forget_token(self.account, self.services, credentials.secret)
            if self._worker.broken:
                raise
            mechanism = await self.run(Rung.AUTHENTICATION, self._sign_in, await self._credentials())
        self._signed_in = True
        return f"Signed in as {credentials.user} ({mechanism})."

    async def run(self, rung: Rung, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``function`` in the connection's thread; its failures belong to ``rung``."""
        try:
            return await self._worker.run(function, *args, **kwargs)
        except MailportError:
            raise
        except Exception as error:
            if is_fatal(error):
                self._worker.abort()
            raise explain(error, account=self.account, rung=rung) from error

    def _cut(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            with suppress(OSError):  # the peer was faster
                handle.shutdown(socket.SHUT_RDWR)
            handle.close()

    def greeting(self, line: bytes) -> str:
        """Return what a server says of itself."""
        words = _STATUS.sub("", line.decode("utf-8", "replace"))
        return clean(words, self.account) or "The server greets."

    async def close(self) -> MailportError | None:
        """Say farewell, where that is possible, and release everything; return why the server has not answered it."""
        try:
            return await self._say_farewell()
        finally:
            self._signed_in = False
            await self._worker.close()
            self._release()

    async def _say_farewell(self) -> MailportError | None:
        if not self.alive:
            return explain(ConnectionError(), account=self.account, rung=Rung.READ)
        try:
            async with asyncio.timeout(self.farewell):
                await self.run(Rung.READ, self._leave)
        except MailportError as error:
            return error
        except TimeoutError as error:
            return explain(error, account=self.account, rung=Rung.READ)
        return None

    @abstractmethod
    def _greet(self) -> str:
        """Make the library's client around ``connection``."""

    @abstractmethod
    def _upgrade(self) -> str:
        """Do STARTTLS or STLS."""

    @abstractmethod
    def _sign_in(self, credentials: Credentials) -> str:
        """Try one mechanism, once; return its name."""

    @abstractmethod
    def _leave(self) -> None:
        """Say farewell."""

    def _release(self) -> None:
        """Close what is held, after the thread has ended."""
        if self.connection is not None:
            self.connection.close()

    def _secure(self) -> str:
        assert self.connection is not None  # noqa: S101 - connect came first
        self.connection = self.context().wrap_socket(self.connection, server_hostname=self.settings.host)
        return describe(self.connection)

    def context(self) -> ssl.SSLContext:
        """Return the context of this account; building one takes 40 ms, so not on the event loop."""
        wanted = self.settings
        profile = tls.TlsProfile(
            component=self.account.component, minimum=wanted.minimum_tls_version, ca_certificates=wanted.ca_certificates
        )
        return tls.context(profile)

    async def _credentials(self) -> Credentials:
        settings: Any = self.account.settings
        where = (self.settings.host, self.settings.port)
        if self.is_token:
            return Credentials(settings.user_name, await access_token(self.account, self.services), *where)
        return Credentials(settings.login or settings.user_name, settings.password.get_secret_value(), *where)


def describe(secured: socket.socket | ssl.SSLSocket | None) -> str:
    """Return what was agreed on in a handshake, for a person."""
    if not isinstance(secured, ssl.SSLSocket):
        return ""
    version = (secured.version() or "TLS").replace("TLSv", "TLS ")
    return f"{version}, certificate of {_subject(secured)}."


def _subject(secured: ssl.SSLSocket) -> str:
    certificate: dict[str, Any] = secured.getpeercert() or {}
    names = [value for _, value in certificate.get("subjectAltName", ())]
    common = [value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"]
    return ", ".join((common or names)[:3]) or "the server"


def tls_not_offered(host: str, command: str) -> ConfigurationError:
    """Return the error of a server that cannot do the TLS that the account requires."""
    return ConfigurationError(
        f"{host} does not offer {command} on this port.",
        code="tls.not_offered",
        field="use_ssl_tls",
        remedy="Choose SSL with the port that belongs to it, or have the server offer TLS.",
    )
