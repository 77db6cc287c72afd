"""The POP3 side of a link: greeting, STLS, capabilities, one sign-in."""

from __future__ import annotations

import base64
import poplib
from binascii import Error as NotBase64
from collections.abc import Mapping
from contextlib import suppress

from mailport.account import Account
from mailport.services import Services
from mailport.worker import closed
from mailport_smtp.link import Link, describe, tls_not_offered
from mailport_smtp.pop3.maildrop import Maildrop
from mailport_smtp.pop3.wire import Client, is_refusal
from mailport_smtp.receive_translate import explain_refusal
from mailport_smtp.signin import SCRAM, Credentials, Exchange, choose, exchange

__all__ = ["Pop3Link"]

_MOST_CHALLENGES = 10


class Pop3Link(Link):
    """A connection to a POP3 server."""

    def __init__(self, account: Account, services: Services) -> None:
        super().__init__(account, services)
        self.capabilities: Mapping[str, list[str]] | None = None
        self._client: Client | None = None
        self._maildrop: Maildrop | None = None

    @property
    def client(self) -> Client:
        """The library's client; only to be used in the connection's thread."""
        if self._client is None:
            raise closed()
        return self._client

    @property
    def maildrop(self) -> Maildrop:
        """What the session works on; only to be used in the connection's thread."""
        if self._maildrop is None:
            self._maildrop = Maildrop(self.client)
        return self._maildrop

    def _greet(self) -> str:
        assert self.connection is not None  # noqa: S101 - connect came first
        self._client = Client(self.connection, self.settings.host, self.settings.port)
        self.capabilities = self._client.capabilities()
        return self.greeting(self._client.welcome)

    def _upgrade(self) -> str:
        if "STLS" not in (self.capabilities or {}):
            raise tls_not_offered(self.settings.host, "STLS")
        self.client.start_tls(self.context())
        self.capabilities = self.client.capabilities()
        return describe(self.client.sock)

    def _sign_in(self, credentials: Credentials) -> str:
        mechanism = self._choose()
        if mechanism != "LOGIN":
            self._authenticate(exchange(mechanism, credentials))
            return mechanism
        self.client.command(f"USER {credentials.user}")
        self.client.command(f"PASS {credentials.secret}")
        return "USER"

    def _choose(self) -> str:
        known = self.capabilities
        offered = set((known or {}).get("SASL", ())) - {*SCRAM, "LOGIN"}
        if known is None or "USER" in known:
            offered.add("LOGIN")  # which stands for USER and PASS here
        tls_unused = self.settings.use_ssl_tls == "none" and "STLS" in (known or {})
        return choose(offered, self.account.settings.option(), tls_unused=tls_unused)

    def _authenticate(self, attempt: Exchange) -> None:
        try:
            # In two steps: Exchange ends the session when the token stands in the command.
            answer = self.client.command(f"AUTH {attempt.mechanism}")
            for _ in range(_MOST_CHALLENGES):
                if answer.startswith(b"+OK"):
                    return attempt.confirm()
                answer = self.client.respond(base64.b64encode(attempt.respond(_challenge(answer))))
        except poplib.error_proto as error:
            if not is_refusal(error):
                raise
            raise explain_refusal(error, account=self.account, told=attempt.refusal) from error
        raise poplib.error_proto("challenges without end")

    def _leave(self) -> None:
        if self._maildrop is not None:
            self._maildrop.quit()
        else:
            self.client.command("QUIT")

    def _release(self) -> None:
        if self._client is not None:
            with suppress(OSError):
                self._client.close()
            self._client = self._maildrop = None
        super()._release()


def _challenge(answer: bytes) -> bytes:
    try:
        return base64.b64decode(answer[1:].strip(), validate=True)
    except NotBase64:
        return b""  # some write words where an empty challenge belongs
