"""A server that does not greet may wait for a TLS handshake, as one whose port belongs to SSL does.

Test Connection asks, so that nobody has to guess; sending and receiving only say that it may be so.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress

from mailport.account import Account
from mailport.errors import ConfigurationError, MailportError
from mailport.services import Services
from mailport.transport import Endpoint

__all__ = ["check_ssl", "patience"]

_GREETING = 15.0
"""Seconds that a test waits for a greeting; servers that keep strangers waiting on purpose do so for about six."""
_ANSWER = 3.0
_TLS_RECORDS = (b"\x15", b"\x16")  # an alert, or a handshake (RFC 8446 section 5.1)


def patience(account: Account) -> float:
    """Return how long a test waits for a greeting: half its time at most, so that the cause can still be looked for."""
    return min(_GREETING, account.timeout / 2)


async def check_ssl(where: Endpoint, services: Services) -> None:
    """Raise ``ConfigurationError`` where a silent port answers a TLS handshake; nothing but its first words is sent."""
    try:
        connection = await services.egress.connect(where.host, where.port, timeout=_ANSWER, proxy_url=where.proxy_url)
    except MailportError:
        return  # the silence remains what is known
    if await asyncio.to_thread(_answers, connection, where.host):
        raise ConfigurationError(
            f"{where.host} expects SSL on port {where.port}: it begins with a TLS handshake, not with a greeting.",
            code="greeting.ssl_expected",
            field="use_ssl_tls",
            remedy="Choose SSL, or TLS with the port that belongs to it.",
        )


def _answers(connection: socket.socket, host: str) -> bool:
    outgoing = ssl.MemoryBIO()
    hello = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=host)
    with suppress(ssl.SSLWantReadError):
        hello.do_handshake()
    try:
        with connection:
            connection.settimeout(_ANSWER)
            connection.sendall(outgoing.read())
            return connection.recv(1) in _TLS_RECORDS
    except OSError:
        return False
