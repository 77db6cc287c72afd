"""An SMTP connection from the socket to being signed in, step by step; a sender climbs all steps, a probe one at a time.

aiosmtplib connects, negotiates and speaks; what it does not do is the one sign-in that ``signin`` chooses.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, NoReturn, Protocol, TypeVar, cast

import aiosmtplib

from mailport import tls
from mailport.account import Account
from mailport.errors import AuthenticationFailed, ConfigurationError, MailportError
from mailport.fields import Secret
from mailport.services import Services
from mailport.transport import Endpoint, Rung
from mailport_smtp.oauth import access_token, forget_token
from mailport_smtp.said import clean
from mailport_smtp.signin import Credentials, Exchange, choose, exchange
from mailport_smtp.smtp.replies import Extensions, Reply
from mailport_smtp.translate import explain, explain_failure

__all__ = ["Connection", "SmtpSettings", "settings_of"]

T = TypeVar("T")

_CONTINUE = 334
_SIGNED_IN = 235
_ROUNDS = 5
"""Challenges that a server may send; SCRAM needs three."""
_INITIAL = 480
"""Octets of an initial response up to which AUTH keeps to the 512 of a command line (RFC 4954 section 4)."""


class SmtpSettings(Protocol):
    """What every outgoing account of this package has."""

    host: str
    port: int
    use_ssl_tls: str
    user_name: str
    from_address: str
    minimum_tls_version: str
    ca_certificates: str
    client_certificate: Secret | None
    proxy_url: str


def settings_of(account: Account) -> SmtpSettings:
    """Return the account's settings as what they are."""
    return cast("SmtpSettings", account.settings)


class Connection:
    """A connection for one account; a step may take ``timeout`` seconds, by default the account's."""

    def __init__(self, account: Account, services: Services, *, timeout: float | None = None) -> None:
        self.extensions = Extensions()
        self.offered: dict[str, str] = {}
        self._account = account
        self._services = services
        self._timeout = timeout or account.timeout
        self._settings = settings_of(account)
        self._client: aiosmtplib.SMTP | None = None
        self._transport: asyncio.Transport | None = None
        self._secrets: set[str] = set()

    @property
    def endpoint(self) -> Endpoint:
        """Where the account connects."""
        return Endpoint(self._settings.host, self._settings.port, proxy_url=self._settings.proxy_url or None)

    async def connect(self) -> None:
        """Open the socket, to an address that the egress policy checked."""
        where = self.endpoint
        # Building a context takes 40 ms, so not on the event loop; it is cached.
        context = None if self._settings.use_ssl_tls == "none" else await asyncio.to_thread(tls.context, self._profile())
        self._client = aiosmtplib.SMTP(
            hostname=where.host,
            sock=await self._services.egress.connect(where.host, where.port, timeout=self._timeout, proxy_url=where.proxy_url),
            local_hostname=self._services.client_name,
            timeout=self._timeout,
            use_tls=self._settings.use_ssl_tls == "SSL",
            start_tls=False,  # never by chance: it is required or unwanted
            tls_context=context,
        )

    def _profile(self) -> tls.TlsProfile:
        shown = self._settings.client_certificate
        is_token = self._account.settings.option() == "xoauth2"  # there the certificate proves the client to the token server
        return tls.TlsProfile(
            component=self._account.component,
            minimum=self._settings.minimum_tls_version,
            ca_certificates=self._settings.ca_certificates,
            client_certificate="" if shown is None or is_token else shown.get_secret_value(),
        )

    async def establish(self) -> None:
        """Be greeted, start TLS where the account wants that after the greeting, and learn what the server offers."""
        await self.greet()
        if self._settings.use_ssl_tls == "TLS":
            await self.hello()
            await self.start_tls()
        await self.hello()

    async def greet(self, patience: float | None = None) -> str:
        """Do the TLS handshake where SSL is chosen, and be greeted, within ``patience`` seconds; return the greeting."""
        greeting = (await self._greeted(patience or self._timeout)).message
        self._keep_transport(Rung.GREETING)
        return greeting

    async def _greeted(self, patience: float) -> aiosmtplib.SMTPResponse:
        try:
            return await self._smtp.connect(timeout=patience)
        except Exception as error:
            cause = error.__cause__
            if isinstance(cause, aiosmtplib.SMTPException) or not isinstance(cause, OSError):
                self._fail(error, Rung.GREETING)
            # The library gives up a handshake by aborting it.
            self._fail(TimeoutError() if isinstance(cause, ConnectionAbortedError) else error, Rung.TLS)

    async def hello(self) -> None:
        """Say EHLO, and learn what the server offers."""
        try:
            await self._smtp.ehlo()
        except aiosmtplib.SMTPHeloError as error:
            if not 500 <= error.code < 505:
                self._fail(error, Rung.CAPABILITIES)
            await self._asked(self._smtp.helo(), Rung.CAPABILITIES)  # a server without extensions
        except Exception as error:
            self._fail(error, Rung.CAPABILITIES)
        self.offered = dict(self._smtp.esmtp_extensions)
        self.extensions = Extensions.of(self.offered)

    async def start_tls(self) -> None:
        """Change to TLS, or refuse to go on; what was offered before no longer counts."""
        if "starttls" not in self.offered:
            raise ConfigurationError(
                f"{self._settings.host} does not offer STARTTLS on this port.",
                code="tls.not_offered",
                field="use_ssl_tls",
                remedy="Choose SSL with port 465, or have the server offer STARTTLS.",
            )
        await self._asked(self._smtp.starttls(), Rung.TLS)
        self._keep_transport(Rung.TLS)

    def _keep_transport(self, rung: Rung) -> None:
        """Remember the connection itself: the library forgets it when it closes, which over TLS waits for the peer."""
        if self._smtp.transport is None:
            self._fail(ConnectionResetError(), rung)
        self._transport = cast("asyncio.Transport", self._smtp.transport)

    def mechanism(self) -> str:
        """Return how to sign in, empty for not at all. Raises ``ConfigurationError`` (``capabilities.auth_missing``)."""
        option = self._account.settings.option()
        if option == "none":
            return ""
        tls_unused = self._settings.use_ssl_tls == "none" and "starttls" in self.offered
        return choose(self._smtp.server_auth_methods, option, tls_unused=tls_unused)

    async def sign_in(self) -> str:
        """Sign in, once; once more with a fresh token where the server refused one. Return the mechanism, empty for none."""
        mechanism = self.mechanism()
        if not mechanism:
            return ""
        credentials = await self._credentials()
        try:
            await self._authenticate(mechanism, credentials)
        except AuthenticationFailed:
            if self._account.settings.option() != "xoauth2" or not self._smtp.is_connected:
                raise
            forget_token(self._account, self._services, credentials.secret)
            await self._authenticate(mechanism, await self._credentials())
        return mechanism

    async def _credentials(self) -> Credentials:
        settings: Any = self._account.settings
        where = (settings.host, settings.port)
        if settings.option() == "xoauth2":
            return Credentials(settings.user_name, await access_token(self._account, self._services), *where)
        return Credentials(settings.login or settings.user_name, settings.password.get_secret_value(), *where)

    async def _authenticate(self, mechanism: str, credentials: Credentials) -> None:
        self._secrets.add(credentials.secret)
        attempt = exchange(mechanism, credentials)
        reply = await self._first_words(attempt)
        for _ in range(_ROUNDS):
            if reply.code != _CONTINUE:
                break
            answer = await asyncio.to_thread(attempt.respond, _decoded(reply.message))
            reply = await self._say(self._secret(answer))
        if reply.code != _SIGNED_IN:
            raise self._refusal(attempt, _reply(reply))
        attempt.confirm()

    async def _first_words(self, attempt: Exchange) -> aiosmtplib.SMTPResponse:
        command = (b"AUTH", attempt.mechanism.encode())
        if not attempt.client_first:
            return await self._say(*command)
        initial = self._secret(attempt.respond(b""))
        if len(initial) <= _INITIAL:
            return await self._say(*command, initial)
        reply = await self._say(*command)
        return await self._say(initial) if reply.code == _CONTINUE else reply

    def _secret(self, response: bytes) -> bytes:
        """Return a response in base64, having noted it: a server may repeat it in an error text."""
        encoded = base64.b64encode(response)
        self._secrets.add(encoded.decode())
        return encoded

    async def _say(self, *words: bytes) -> aiosmtplib.SMTPResponse:
        return await self._asked(self._smtp.execute_command(*words), Rung.AUTHENTICATION)

    def _refusal(self, attempt: Exchange, reply: Reply) -> MailportError:
        error = explain(reply, Rung.AUTHENTICATION, self._account, self._secrets)
        if attempt.refusal:
            error.message += f" ({clean(attempt.refusal, self._account, self._secrets)})"
        return error

    @property
    def tls_object(self) -> ssl.SSLObject | None:
        """Return what knows about the TLS in use, None without."""
        found: ssl.SSLObject | None = self._transport.get_extra_info("ssl_object") if self._transport else None
        return found

    async def ask_sender(self, command: bytes) -> None:
        """Ask with a MAIL command whether the server takes mail from somebody, and take the question back."""
        reply = _reply(await self._asked(self._smtp.execute_command(command.removesuffix(b"\r\n")), Rung.PERMISSION))
        if not reply.is_positive:
            raise explain(reply, Rung.PERMISSION, self._account)
        await self._asked(self._smtp.execute_command(b"RSET"), Rung.PERMISSION)

    def release(self) -> asyncio.Transport:
        """Return the connection itself, for whoever goes on with it after the sign-in, and leave it alone from now on."""
        transport, self._client, self._transport = self._transport, None, None
        assert transport is not None  # noqa: S101 - greet kept it
        return transport

    async def close(self) -> None:
        """Say QUIT where that still works, and release everything; takes seconds at most."""
        if self._client is None:
            return
        with suppress(aiosmtplib.SMTPException, OSError, ValueError):
            if self._client.is_connected:
                await self._client.quit(timeout=2.0)
        self.drop()

    def drop(self) -> None:
        """Close the connection at once."""
        if self._client is not None:
            self._client.close()
            if self._transport is None and self._client.sock is not None:
                self._client.sock.close()
        if self._transport is not None:
            tls.abort(self._transport)
        self._client = self._transport = None

    @property
    def _smtp(self) -> aiosmtplib.SMTP:
        assert self._client is not None  # noqa: S101 - the steps are climbed in order
        return self._client

    async def _asked(self, answer: Awaitable[T], rung: Rung) -> T:
        try:
            return await answer
        except Exception as error:
            self._fail(error, rung)

    def _fail(self, error: Exception, rung: Rung) -> NoReturn:
        explained = explain_failure(error, rung, self._account, self._secrets)
        # A cause shows what the server said, which during the sign-in may be what we said.
        is_telling = rung is Rung.AUTHENTICATION and isinstance(error, aiosmtplib.SMTPResponseException)
        raise explained from (None if is_telling or explained is error else error)


def _reply(response: aiosmtplib.SMTPResponse) -> Reply:
    return Reply(response.code, tuple(response.message.split("\n")))


def _decoded(challenge: str) -> bytes:
    try:
        return base64.b64decode(challenge, validate=False)
    except binascii.Error:
        return challenge.encode()  # some servers write their questions in clear
