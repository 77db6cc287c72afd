"""How to sign in: which SASL mechanism to use, and what it says. Pure; SMTP, IMAP and POP3 bring the messages across.

One mechanism is chosen and tried once: libraries that go on with the next one after a refusal turn one wrong password into
several failed logins, and servers lock the account.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from mailport.errors import AuthenticationFailed, ConfigurationError

__all__ = [
    "Bearer",
    "Credentials",
    "Exchange",
    "Recital",
    "Scram",
    "choose",
    "exchange",
    "oauthbearer",
    "plain",
    "xoauth2",
]

SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-1")
MECHANISMS = {
    "auth_login": (*SCRAM, "PLAIN", "LOGIN"),
    "plain": ("PLAIN",),
    "xoauth2": ("XOAUTH2", "OAUTHBEARER"),
}
"""The mechanisms of each authentication option, the preferred one first."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs in: ``secret`` is the password or the access token; OAUTHBEARER also tells where."""

    user: str
    secret: str = field(repr=False)
    host: str = ""
    port: int = 0


def choose(offered: Iterable[str], authentication: str, *, tls_unused: bool = False) -> str:
    """Return the mechanism to use with a server that offers ``offered``.

    ``tls_unused`` says that the server offers TLS and the account does not use it, which is why many offer no mechanism.
    Raises ``ConfigurationError`` (``capabilities.auth_missing``).
    """
    known = {name.upper() for name in offered}
    for mechanism in MECHANISMS[authentication]:
        if mechanism in known and (mechanism not in SCRAM or find_spec("scramp")):
            return mechanism
    raise _none_offered(known, authentication, tls_unused=tls_unused)


def _none_offered(known: set[str], authentication: str, *, tls_unused: bool) -> ConfigurationError:
    if tls_unused:
        return ConfigurationError(
            "The server offers no suitable sign-in without encryption.",
            code="capabilities.auth_missing",
            field="use_ssl_tls",
            remedy="Choose TLS: the server wants STARTTLS first.",
        )
    listed = ", ".join(sorted(known)) if known else "none"
    return ConfigurationError(
        f"The server offers no sign-in that suits this account (it offers: {listed[:200]}).",
        code="capabilities.auth_missing",
        field="authentication",
        remedy="Choose another authentication, or have the server offer one of: " + ", ".join(MECHANISMS[authentication]) + ".",
    )


def plain(user: str, password: str) -> bytes:
    """Return the message of SASL PLAIN (RFC 4616)."""
    return b"\0" + user.encode() + b"\0" + password.encode()


def xoauth2(user: str, token: str) -> bytes:
    """Return the message of XOAUTH2, as Google and Microsoft document it."""
    return f"user={user}\1auth=Bearer {token}\1\1".encode()


def oauthbearer(user: str, host: str, port: int, token: str) -> bytes:
    """Return the message of OAUTHBEARER (RFC 7628)."""
    name = user.replace("=", "=3D").replace(",", "=2C")
    return f"n,a={name},\1host={host}\1port={port}\1auth=Bearer {token}\1\1".encode()


class Exchange(ABC):
    """One attempt to sign in: an answer for every challenge of the server.

    A mechanism whose client speaks first gets an empty challenge to begin with. ``refusal`` is what the server said in
    its last challenge about a refusal, if it did.
    """

    client_first = True
    refusal = ""

    def __init__(self, mechanism: str) -> None:
        self.mechanism = mechanism

    @abstractmethod
    def respond(self, challenge: bytes) -> bytes:
        """Return the answer to ``challenge``."""

    def confirm(self) -> None:
        """Check, after the server said that it worked, that it has proved itself where the mechanism wants that."""
        return


class Recital(Exchange):
    """PLAIN and LOGIN: what is said does not depend on what the server asks; its words for it differ."""

    def __init__(self, mechanism: str, *said: bytes) -> None:
        super().__init__(mechanism)
        self.client_first = mechanism == "PLAIN"
        self._said = list(reversed(said))

    def respond(self, challenge: bytes) -> bytes:  # noqa: ARG002 - see above
        """Return the next message, in the end nothing."""
        return self._said.pop() if self._said else b""


class Bearer(Exchange):
    """XOAUTH2 and OAUTHBEARER: the token; a refusal comes as a challenge with JSON in it, to be answered with a dummy."""

    def __init__(self, mechanism: str, credentials: Credentials) -> None:
        super().__init__(mechanism)
        self._credentials = credentials
        self._sent = False

    def respond(self, challenge: bytes) -> bytes:
        """Return the message with the token, then the dummy."""
        if self._sent:
            self.refusal = _refusal(challenge)
            return b"\1" if self.mechanism == "OAUTHBEARER" else b""
        self._sent = True
        who = self._credentials
        if self.mechanism == "OAUTHBEARER":
            return oauthbearer(who.user, who.host, who.port, who.secret)
        return xoauth2(who.user, who.secret)


def _refusal(challenge: bytes) -> str:
    with suppress(ValueError):
        said = json.loads(challenge)
        if isinstance(said, dict):
            return ", ".join(f"{name} {said[name]}" for name in ("status", "scope", "schemes") if said.get(name))
    return challenge.decode("utf-8", "replace")


class Scram(Exchange):
    """SCRAM (RFC 5802): the password never leaves, and the server proves that it knows it too."""

    def __init__(self, mechanism: str, credentials: Credentials) -> None:
        from scramp import ScramClient, ScramException  # noqa: PLC0415 - an extra

        super().__init__(mechanism)
        self._error: type[Exception] = ScramException
        self._client: Any = self._checked(ScramClient, [mechanism], credentials.user, credentials.secret)
        self._steps = [self._verify, self._prove, self._begin]
        self._verified = False

    def respond(self, challenge: bytes) -> bytes:
        """Return the next message; hashes for some milliseconds, so that an event loop had better use a thread."""
        if not self._steps:
            return b""
        answer: str = self._checked(self._steps.pop(), challenge.decode("utf-8", "replace"))
        return answer.encode()

    def confirm(self) -> None:
        """Refuse a server that says yes without having proved that it knows the password."""
        if not self._verified:
            raise AuthenticationFailed(
                "The server did not prove that it knows the password.",
                code="authentication.server_unproved",
                field="host",
                remedy="Check that the host is the right one.",
            )

    def _begin(self, _: str) -> str:
        return str(self._client.get_client_first())

    def _prove(self, challenge: str) -> str:
        self._client.set_server_first(challenge)
        return str(self._client.get_client_final())

    def _verify(self, challenge: str) -> str:
        self._client.set_server_final(challenge)
        self._verified = True
        return ""

    def _checked(self, call: Any, *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except self._error as error:
            raise AuthenticationFailed(
                "The sign-in was refused, or the server does not keep to SCRAM.",
                field="password",
                remedy="Check user name and password.",
            ) from error


def exchange(mechanism: str, credentials: Credentials) -> Exchange:
    """Return a fresh attempt to sign in with a mechanism that ``choose`` returned."""
    if mechanism in SCRAM:
        return Scram(mechanism, credentials)
    if mechanism in MECHANISMS["xoauth2"]:
        return Bearer(mechanism, credentials)
    user, password = credentials.user, credentials.secret
    said = (plain(user, password),) if mechanism == "PLAIN" else (user.encode(), password.encode())
    return Recital(mechanism, *said)
