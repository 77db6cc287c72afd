"""The IMAP side of a link: greeting, STARTTLS, capabilities, one sign-in."""

from __future__ import annotations

from contextlib import suppress
from imaplib import IMAP4

from mailport.account import Account
from mailport.errors import ConfigurationError, MailportError
from mailport.services import Services
from mailport.worker import closed
from mailport_smtp.imap.wire import Client
from mailport_smtp.link import Link, describe, tls_not_offered
from mailport_smtp.receive_translate import explain_refusal
from mailport_smtp.signin import Credentials, Exchange, choose, exchange

__all__ = ["ImapLink"]


class ImapLink(Link):
    """A connection to an IMAP server."""

    def __init__(self, account: Account, services: Services) -> None:
        super().__init__(account, services)
        self.capabilities: frozenset[str] = frozenset()
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """The library's client; only to be used in the connection's thread."""
        if self._client is None:
            raise closed()
        return self._client

    def offers(self, capability: str) -> bool:
        """Whether the server has a capability, as it said last."""
        return capability in self.capabilities

    def _greet(self) -> str:
        assert self.connection is not None  # noqa: S101 - connect came first
        where = self.settings
        self._client = Client(self.connection, where.host, where.port, self.account.timeout)
        if self._client.is_preauthenticated:
            raise _preauthenticated(where.host)
        self.capabilities = self.client.offered()
        return self.greeting(self._client.welcome)

    def _upgrade(self) -> str:
        if not self.offers("STARTTLS"):
            raise tls_not_offered(self.settings.host, "STARTTLS")
        self.client.starttls(self.context())
        self.client.forget_capabilities()
        self.capabilities = self.client.offered()
        return describe(self.client.socket())

    def _sign_in(self, credentials: Credentials) -> str:
        mechanism = self._choose()
        if mechanism == "LOGIN":
            self._log_in(credentials)
        else:
            self._authenticate(exchange(mechanism, credentials))
        self.capabilities = self.client.offered()
        return mechanism

    def _choose(self) -> str:
        offered = {name.removeprefix("AUTH=") for name in self.capabilities if name.startswith("AUTH=")}
        if not self.offers("LOGINDISABLED"):
            offered.add("LOGIN")  # the command, not the mechanism of that name
        else:
            offered.discard("LOGIN")
        tls_unused = self.settings.use_ssl_tls == "none" and self.offers("STARTTLS")
        return choose(offered, self.account.settings.option(), tls_unused=tls_unused)

    def _log_in(self, credentials: Credentials) -> None:
        if not (credentials.user + credentials.secret).isascii():
            raise ConfigurationError(
                "The server takes only ASCII in login and password: it offers the LOGIN command and nothing else.",
                code="authentication.not_ascii",
                field="password",
                remedy="Use a password of ASCII characters, or have the server offer AUTH=PLAIN.",
            )
        self.client.forget_capabilities()
        self.client.log_in(credentials.user, credentials.secret)

    def _authenticate(self, attempt: Exchange) -> None:
        self.client.forget_capabilities()
        answers = _Answers(attempt)
        try:
            self.client.authenticate(attempt.mechanism, answers)
        except IMAP4.abort:
            raise
        except IMAP4.error as error:
            if answers.failure is not None:
                raise answers.failure from error
            raise explain_refusal(error, account=self.account, told=attempt.refusal) from error
        attempt.confirm()

    def _leave(self) -> None:
        self.client.logout()

    def _release(self) -> None:
        if self._client is not None:
            with suppress(OSError):
                self._client.shutdown()
            self._client = None
        super()._release()


class _Answers:
    """Answers challenges for imaplib, whose stack an error of ours would leave half-way: it is kept, and "*" gives up."""

    def __init__(self, attempt: Exchange) -> None:
        self.failure: MailportError | None = None
        self._attempt = attempt

    def __call__(self, challenge: bytes) -> bytes | None:
        try:
            return self._attempt.respond(challenge)
        except MailportError as error:
            self.failure = error
            return None


def _preauthenticated(host: str) -> ConfigurationError:
    return ConfigurationError(
        f"{host} signs everybody in without asking (PREAUTH), which proves neither side and allows no STARTTLS.",
        code="greeting.preauthenticated",
        field="host",
        remedy="Use a port where the server asks for a sign-in.",
    )
