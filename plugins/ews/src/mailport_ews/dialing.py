"""Connections of one account: its egress policy, proxy, authorities and TLS version, whatever the process's environment says.

requests would take authorities from ``REQUESTS_CA_BUNDLE`` and add its own to any context that it is given. Here it is only
handed the finished connection.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection

from mailport import egress, tls
from mailport.account import Account
from mailport.errors import ConfigurationError, MailportError
from mailport.services import Services

__all__ = ["READ_SIZE", "Dialer", "new_session"]

READ_SIZE = 64 * 1024
"""Bytes read and written at once."""


class Dialer:
    """Opens the connections of an account; ``cut`` ends them from another thread, also in the middle of a handshake."""

    def __init__(self, account: Account, services: Services, *, trusts_public: bool = False) -> None:
        """Dial for ``account``; with ``trusts_public`` its authorities come on top of the system's."""
        settings: Any = account.settings
        self.timeout = account.timeout
        self.is_cut = False
        self._egress = services.egress
        self._proxy_url: str | None = settings.proxy_url or None
        self._trusts_public = trusts_public
        self._profile = tls.TlsProfile(
            component=account.component,
            minimum=settings.minimum_tls_version,
            ca_certificates=settings.ca_certificates,
        )
        self._handles: list[socket.socket] = []

    def dial(self, host: str, port: int) -> ssl.SSLSocket:
        """Return a connection to a permitted address of ``host``, verified for that name. Raises mailport's errors."""
        context = _public(self._profile.ca_certificates) if self._trusts_public else tls.context(self._profile)
        plain = self._egress.connect_blocking(host, port, timeout=self.timeout, proxy_url=self._proxy_url)
        try:
            self._adopt(plain)
            return context.wrap_socket(plain, server_hostname=host)
        except (OSError, ssl.SSLError) as error:
            plain.close()
            raise _handshake_failed(error, host, port) from error

    def cut(self) -> None:
        """Shut every connection down."""
        self.is_cut = True
        while self._handles:
            handle = self._handles.pop()
            with suppress(OSError):  # the peer was faster
                handle.shutdown(socket.SHUT_RDWR)
            handle.close()

    def release(self) -> None:
        """Forget connections that their owner has closed."""
        while self._handles:
            self._handles.pop().close()

    def _adopt(self, plain: socket.socket) -> None:
        """Keep a second handle: TLS moves the first one into an object that is out of reach while a call lasts."""
        if self.is_cut:
            raise ConnectionAbortedError("the session was closed")
        self.release()
        self._handles.append(plain.dup())


def _handshake_failed(error: OSError, host: str, port: int) -> MailportError:
    if isinstance(error, ssl.SSLError):
        explained = tls.explain(error, host=host)
        if explained.field == "use_ssl_tls":
            explained.field = "host"
            explained.remedy = "Check the address: port 443 is expected to speak HTTPS."
        return explained
    explained = egress.explain(error, host=host, port=port)
    if isinstance(error, TimeoutError):
        explained.code, explained.message = "tls.timeout", f"{host} stayed silent during the TLS handshake."
    elif isinstance(error, ConnectionError):
        explained.code, explained.message = "tls.cut", f"{host} ended the connection during the TLS handshake."
    return explained


@lru_cache(maxsize=64)
def _public(ca_certificates: str) -> ssl.SSLContext:
    """Return the context for token servers: they are public, also where Exchange has a private authority."""
    made = ssl.create_default_context()
    if ca_certificates:
        made.load_verify_locations(cadata=ca_certificates)
    return made


class _Connection(HTTPSConnection):
    def __init__(self, *args: Any, dialer: Dialer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._dialer = dialer

    def connect(self) -> None:
        self.sock = self._dialer.dial(self.host.strip("[]"), self.port or 443)
        self.is_verified = True


class _Response(requests.Response):
    """exchangelib reads an answer with ``iter_content()``, and requests' default is one byte at a time: 11 s for 25 MB.

    Here it comes as the network brings it, so that one that drips is noticed.
    """

    def iter_content(self, chunk_size: int | None = READ_SIZE, decode_unicode: Any = False) -> Any:  # noqa: ARG002
        return super().iter_content(READ_SIZE) if self._content_consumed else self._pieces()

    def _pieces(self) -> Iterator[bytes]:
        while chunk := self.raw.read1(READ_SIZE, decode_content=True):
            yield chunk
        self._content_consumed = True


class _Adapter(HTTPAdapter):
    """Gives requests the account's connections, one for each host, and reads in large pieces."""

    def __init__(self, dialer: Dialer) -> None:
        super().__init__(max_retries=0)
        self._dialer = dialer
        self._pools: dict[tuple[str, int], HTTPSConnectionPool] = {}

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:  # noqa: ARG002
        url = urlsplit(str(request.url))
        if url.scheme != "https" or not url.hostname:
            raise ConfigurationError(f"{url.hostname} is not reached by https.", code="egress.refused", field="host")
        key = (url.hostname, url.port or 443)
        if key not in self._pools:
            self._pools[key] = HTTPSConnectionPool(*key, maxsize=1, block=True, blocksize=READ_SIZE, dialer=self._dialer)
            self._pools[key].ConnectionCls = _Connection
        return self._pools[key]

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Send a request with its whole body: the NTLM library rewinds it only before the first of its two rounds."""
        if hasattr(request.body, "seek"):
            request.body.seek(0)
        return super().send(request, *args, **kwargs)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave TLS alone: it is the dialer's."""

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        response = super().build_response(req, resp)
        response.__class__ = _Response
        return response

    def close(self) -> None:
        while self._pools:
            self._pools.popitem()[1].close()
        super().close()


def new_session(dialer: Dialer) -> requests.Session:
    """Return an HTTP session over the account's own connections: no proxies, passwords or authorities of the environment."""
    session = requests.Session()
    session.trust_env = False
    session.adapters.clear()
    session.mount("https://", _Adapter(dialer))
    return session
