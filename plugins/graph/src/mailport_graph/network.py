"""Connections of the HTTP client: opened through the egress policy, with the account's own TLS profile.

The client's own backend resolves names itself, reads proxies and authorities from the environment, and flushes what it
still holds when it closes; a request that was cancelled must not leave after all.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import httpcore2
import httpx2

from mailport import egress
from mailport.errors import MailportError, TimedOut
from mailport.services import Services
from mailport.tls import TlsProfile, abort, context, explain
from mailport_graph.fields import GraphSettings
from mailport_graph.translate import at_home

__all__ = ["Backend", "Transport", "tls_profile"]

_BUFFER = 256 * 1024
# Bytes that the kernel keeps unsent, of megabytes by default: the time limit of an upload counts from what has left, and so
# does what is handed over.
_UNSENT = 128 * 1024
# httpcore sets ALPN names on the context that it is given. The contexts of mailport are shared by all protocols, so it gets
# this one, which is never used: the connection brings its own.
_UNUSED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def tls_profile(settings: GraphSettings) -> TlsProfile:
    """Return what decides the TLS context of an account."""
    return TlsProfile(minimum=settings.minimum_tls_version, ca_certificates=settings.ca_certificates)


class Transport(httpx2.AsyncHTTPTransport):
    """An HTTP transport whose connections are opened by ``Backend``."""

    def __init__(self, settings: GraphSettings, services: Services) -> None:
        super().__init__(verify=_UNUSED, trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_UNUSED,
            max_connections=None,  # the gate counts
            keepalive_expiry=60.0,
            network_backend=Backend(settings, services),
        )


class Backend(httpcore2.AsyncNetworkBackend):
    """Opens connections for one account."""

    def __init__(self, settings: GraphSettings, services: Services) -> None:
        self._settings = settings
        self._services = services

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002 - the interface of httpcore
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to an address that the egress policy permits."""
        try:
            sock = await self._services.egress.connect(
                host, port, timeout=timeout or 60.0, proxy_url=self._settings.proxy_url or None
            )
        except MailportError as error:
            at_home(error)
            raise
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        return _Plain(sock, context(tls_profile(self._settings)))


class _Plain(httpcore2.AsyncNetworkStream):
    """A connected socket on which TLS has not begun; nothing is ever read or written on it."""

    def __init__(self, sock: socket.socket, tls: ssl.SSLContext) -> None:
        self._sock = sock
        self._tls = tls

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,  # noqa: ARG002 - see _UNUSED
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Begin TLS; the certificate must name the host, whatever its address."""
        try:
            return await self._handshake(server_hostname or "", timeout)
        except BaseException:
            self._sock.close()
            raise

    async def _handshake(self, host: str, timeout: float | None) -> Stream:
        try:
            async with asyncio.timeout(timeout):
                return Stream(
                    *await asyncio.open_connection(sock=self._sock, ssl=self._tls, server_hostname=host, limit=_BUFFER)
                )
        except ssl.SSLError as error:
            raise at_home(explain(error, host=host)) from error
        except OSError as error:
            failure = egress.explain(error, host=host)
            failure.field = failure.field or "host"
            failure.code = "tls.timeout" if isinstance(failure, TimedOut) else "tls.cut"
            raise at_home(failure) from error

    async def aclose(self) -> None:
        """Close the socket."""
        self._sock.close()


class Stream(httpcore2.AsyncNetworkStream):
    """A TLS connection. Closing it drops what is still unwritten."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        writer.transport.set_write_buffer_limits(_UNSENT)  # half a megabyte by default

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what came, at most ``max_bytes``; empty at the end."""
        try:
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)
        except TimeoutError as error:
            raise httpcore2.ReadTimeout from error
        except OSError as error:
            raise httpcore2.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write ``buffer`` and wait until the connection takes more."""
        try:
            async with asyncio.timeout(timeout):
                self._writer.write(buffer)
                await self._writer.drain()
        except TimeoutError as error:
            raise httpcore2.WriteTimeout from error
        except OSError as error:
            raise httpcore2.WriteError(str(error)) from error

    async def aclose(self) -> None:
        """Abort: an answered request needs no farewell, and an unanswered one must not be completed."""
        abort(self._writer.transport)
        with suppress(OSError):
            await self._writer.wait_closed()

    def get_extra_info(self, info: str) -> Any:
        """Tell what httpcore asks: the TLS object, and whether an idle connection was closed by the server."""
        if info == "is_readable":
            return self._reader.at_eof() or self._writer.is_closing()
        return self._writer.get_extra_info(info)
