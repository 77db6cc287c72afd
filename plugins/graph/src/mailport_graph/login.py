"""The way to the token server: an HTTP client for msal that connects through the egress policy.

msal's own client follows ``REQUESTS_CA_BUNDLE`` and resolves names by itself; this one trusts what the account trusts.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from mailport import egress
from mailport.errors import MailportError, Unreachable
from mailport.services import Services
from mailport.tls import context, explain
from mailport.token_failures import not_now
from mailport.waiting import retry_after
from mailport_graph.fields import GraphSettings
from mailport_graph.network import tls_profile
from mailport_graph.translate import at_login

__all__ = ["Answer", "LoginClient"]

_LIMIT = 1 << 20
"""The largest answer of a token server, in bytes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What msal reads of an answer."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        """Do nothing: server errors were raised before msal saw them, refusals are in the text."""


class LoginClient:
    """Speaks HTTPS with the token server, one connection per request; used in a thread.

    Raises mailport's errors for everything that is no verdict on the credentials: network, TLS, throttling, server errors.
    """

    def __init__(self, settings: GraphSettings, services: Services, timeout: float) -> None:
        self._settings = settings
        self._services = services
        self._timeout = timeout
        self._connection: _Connection | None = None
        self._is_aborted = False

    def abort(self) -> None:
        """Break the request that is under way, from another thread, and begin no other."""
        self._is_aborted = True
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def get(self, url: str, params: Mapping[str, str] | None = None, headers: Any = None, **_: object) -> Answer:
        """Fetch what the token server publishes about itself."""
        query = f"?{urlencode(params)}" if params else ""
        return self._exchange("GET", url + query, None, dict(headers or {}))

    def post(self, url: str, data: Any = None, headers: Any = None, params: Any = None, **_: object) -> Answer:
        """Ask for a token."""
        body = data if isinstance(data, str | bytes) else urlencode(data or {})
        query = f"?{urlencode(params)}" if params else ""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._exchange("POST", url + query, body, form | dict(headers or {}))

    def close(self) -> None:
        """Do nothing: no connection is kept."""

    def _exchange(self, method: str, url: str, body: str | bytes | None, headers: dict[str, str]) -> Answer:
        parts = urlsplit(url)
        host = parts.hostname or ""
        connection = self._connection = _Connection(host, parts.port or 443, self._settings, self._services, self._timeout)
        try:
            if self._is_aborted:
                raise ConnectionAbortedError("the request was given up")
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body, headers)
            return _verdict(connection.getresponse(), host)
        except MailportError as error:
            at_login(error)
            raise
        except ssl.SSLError as error:
            raise at_login(explain(error, host=host)) from error
        except OSError as error:
            raise at_login(egress.explain(error, host=host)) from error
        except HTTPException as error:
            raise _unreadable(host) from error
        finally:
            connection.close()


class _Connection(HTTPSConnection):
    """A connection to an address that the egress policy permits; the certificate must name the host."""

    def __init__(self, host: str, port: int, settings: GraphSettings, services: Services, timeout: float) -> None:
        self._context_in_use = context(tls_profile(settings))
        super().__init__(host, port, timeout=timeout, context=self._context_in_use)
        self._egress = services.egress
        self._seconds = timeout
        self._proxy_url = settings.proxy_url or None

    def connect(self) -> None:
        """Connect and begin TLS."""
        sock = self._egress.connect_blocking(self.host, self.port, timeout=self._seconds, proxy_url=self._proxy_url)
        try:
            self.sock = self._context_in_use.wrap_socket(sock, server_hostname=self.host)
        except BaseException:
            sock.close()
            raise


def _verdict(response: HTTPResponse, host: str) -> Answer:
    body = response.read(_LIMIT + 1)
    if len(body) > _LIMIT:
        raise _unreadable(host)
    if response.status == 429 or response.status >= 500:
        waits = retry_after(response.headers.get("Retry-After"))
        raise not_now(response.status, waits, provider_code=str(response.status))
    return Answer(response.status, body.decode("utf-8", "replace"), dict(response.headers))


def _unreadable(host: str) -> Unreachable:
    return Unreachable(
        f"{host} gave an answer that is no answer of a token server.",
        code="authentication.token_malformed",
        field="cloud",
        remedy="Check the cloud, and that no proxy or firewall answers in its place; else try again later.",
    )
