"""Access tokens by OAuth 2.0 client credentials (RFC 6749 section 4.4), with a secret or a certificate (RFC 7523).

One small POST: ``http.client`` in a thread is faster than every asynchronous client, and lets the egress policy open the
connection. Redirects are not followed; the answer's size and the request's time are limited.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException, HTTPSConnection
from typing import Protocol, cast
from urllib.parse import SplitResult, urlencode, urlsplit

from mailport import tls
from mailport.account import Account
from mailport.egress import EgressPolicy
from mailport.errors import MailportError, Unreachable
from mailport.fields import Secret
from mailport.services import Services
from mailport.token_failures import blame_token_request, no_token, unanswered
from mailport.tokens import Token
from mailport.worker import Worker
from mailport_smtp.assertion import sign
from mailport_smtp.oauth_translate import explain_answer

__all__ = ["access_token", "forget_token"]

_LARGEST = 256 * 1024
"""Bytes of an answer; tokens have a few thousand."""
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_REMEDY = "Check Token URL: it must be the token endpoint itself."


class _Settings(Protocol):
    """What the settings of every account with a token have."""

    token_url: str
    scope: str
    client_id: str
    client_secret_key: Secret | None
    client_certificate: Secret | None
    ca_certificates: str
    proxy_url: str


def _settings(account: Account) -> _Settings:
    return cast("_Settings", account.settings)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the token endpoint said."""

    status: int
    body: bytes
    retry_after: str | None = None


async def access_token(account: Account, services: Services) -> str:
    """Return a token for an account whose authentication is ``xoauth2``; a known one while it is valid.

    Raises errors whose code is ``authentication.…`` and whose field is the setting at fault.
    """
    return await services.tokens.get(_credential(account), lambda: _fetch(account, services))


def forget_token(account: Account, services: Services, token: str) -> None:
    """Drop a token that the mail server refused, so that the next call asks for a fresh one."""
    services.tokens.forget(_credential(account), token)


def _credential(account: Account) -> str:
    wanted = _settings(account)
    parts = (wanted.token_url, wanted.scope, wanted.client_id, *sorted(account.settings.secrets()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


async def _fetch(account: Account, services: Services) -> Token:
    request = _Request(account, services.egress)
    worker = Worker("smtp-token", request.abort)  # of its own: an endpoint that hangs holds up nobody who asks another one
    try:
        async with asyncio.timeout(account.timeout):
            answer = await worker.run(request.post)
    except MailportError as error:
        blame_token_request(error, "token_url")
        raise
    except TimeoutError as error:
        raise unanswered("token_url", "Try again later, and check Token URL.", account.timeout) from error
    finally:
        await worker.close()
    if answer.status != 200:
        raise explain_answer(answer.status, answer.body, answer.retry_after, account)
    return _token(answer)


def _token(answer: Answer) -> Token:
    try:
        said = json.loads(answer.body)
    except ValueError as error:
        raise no_token("token_url", _REMEDY) from error
    return Token.from_answer(said, field="token_url", remedy=_REMEDY)


class _Request:
    """One request, made in a thread; ``abort`` from outside ends it."""

    def __init__(self, account: Account, egress: EgressPolicy) -> None:
        self._account = account
        self._url = urlsplit(_settings(account).token_url)
        self._connection = _Connection(self._url, account, egress)

    def abort(self) -> None:
        """Close the connection under the thread that waits on it."""
        self._connection.cut()

    def post(self) -> Answer:
        """Ask for a token."""
        path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        try:
            self._connection.request("POST", path, urlencode(_form(self._account)), headers)
            response = self._connection.getresponse()
            return Answer(response.status, response.read(_LARGEST), response.getheader("Retry-After"))
        except ssl.SSLError as error:
            raise tls.explain(error, host=str(self._url.hostname)) from error
        except (OSError, HTTPException) as error:
            if isinstance(error, MailportError | TimeoutError):
                raise
            raise Unreachable(f"{self._url.hostname} ended the connection.", code="connect.cut") from error
        finally:
            self._connection.close()


def _form(account: Account) -> dict[str, str]:
    settings = _settings(account)
    form = {"grant_type": "client_credentials", "client_id": settings.client_id, "scope": settings.scope}
    if settings.client_secret_key is not None:
        return form | {"client_secret": settings.client_secret_key.get_secret_value()}
    assert settings.client_certificate is not None  # noqa: S101 - the settings model sees to it
    pem = settings.client_certificate.get_secret_value()
    return form | {"client_assertion_type": _ASSERTION, "client_assertion": sign(pem, settings.client_id, settings.token_url)}


class _Connection(HTTPSConnection):
    """A connection to an address that the egress policy permits; TLS verifies the name."""

    def __init__(self, url: SplitResult, account: Account, egress: EgressPolicy) -> None:
        # http.client builds a context for nothing if it is not given one.
        context = _context(_settings(account).ca_certificates)
        super().__init__(str(url.hostname), url.port or 443, timeout=account.timeout, context=context)
        self._account = account
        self._egress = egress
        self._trust = context

    def connect(self) -> None:
        """Open the connection."""
        proxy = _settings(self._account).proxy_url or None
        plain = self._egress.connect_blocking(self.host, self.port, timeout=self._account.timeout, proxy_url=proxy)
        try:
            self.sock = self._trust.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise

    def cut(self) -> None:
        """End the connection from another thread."""
        if self.sock is not None:
            with suppress(OSError):  # not the method of the TLS socket, which another thread is using
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


@lru_cache(maxsize=64)
def _context(ca_certificates: str) -> ssl.SSLContext:
    """Return the context for token endpoints: they are public, so that the account's authorities come on top."""
    made = ssl.create_default_context()
    if ca_certificates:
        made.load_verify_locations(cadata=ca_certificates)
    return made
