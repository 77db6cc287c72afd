"""One HTTP client for one thread at a time, which tells when a request was handed over.

It stands where googleapiclient expects an ``httplib2.Http``. httplib2 itself would resolve names unchecked, read the CA files
and proxies of the environment and, worst, send a request again when the connection ended instead of an answer: a mail would
leave twice.
"""

from __future__ import annotations

import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPS_PORT, HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import Any
from urllib.parse import urlsplit

from mailport_google.way import Way

__all__ = ["BadAnswer", "Line"]

LONGEST_ANSWER = 256 * 1024 * 1024
"""Bytes after which an answer is cut off; the biggest message that Gmail takes is 150 MB, and travels as base64."""

_PIECE = 256 * 1024
_SLOWEST = 1024
"""Bytes per second of an answer: a server that sends one at a time would otherwise keep a thread for days."""


class BadAnswer(HTTPException):
    """The answer came and cannot be read."""


class _Connection(HTTPConnection):
    """HTTP over the way's TLS; the library's own HTTPSConnection builds a TLS context for each, 30 ms of work."""

    default_port = HTTPS_PORT

    def __init__(self, host: str, port: int, way: Way) -> None:
        super().__init__(host, port, timeout=way.timeout, blocksize=_PIECE)
        self._way = way

    def connect(self) -> None:
        self.sock = self._way.connect(self.host, self.port)

    def close_if_stale(self) -> None:
        """Drop a kept connection that the server has ended: whatever is written on it would be lost."""
        if self.sock is not None and _is_stale(self.sock, self._way.timeout):
            self.close()


class Line:
    """Requests one after another on a kept connection per host."""

    def __init__(self, way: Way) -> None:
        self.handed_over = False
        """Whether the last byte of the latest request was written."""
        self.is_withdrawn = False
        self._way = way
        self._connections: dict[tuple[str, int], _Connection] = {}

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> tuple[Any, bytes]:
        """Do one request, once, following no redirect; the shape is that of ``httplib2.Http.request``."""
        self.handed_over = False
        url = urlsplit(uri)
        connection = self._connection(url.hostname or "", url.port or HTTPS_PORT)
        try:
            target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
            answer = self._ask(connection, method, target, body, headers or {})
            return _response(answer), _read(answer, self._way.timeout)
        except BaseException:
            connection.close()  # nobody knows how far it came
            raise

    def reach(self, uri: str) -> str:
        """Connect without asking anything; return the version of TLS that was agreed."""
        url = urlsplit(uri)
        connection = self._connection(url.hostname or "", url.port or HTTPS_PORT)
        connection.close_if_stale()
        if connection.sock is None:
            connection.connect()
        version = connection.sock.version() if isinstance(connection.sock, ssl.SSLSocket) else None
        return version or "TLS"

    def withdraw(self) -> None:
        """Stop the request under way, from another thread, unless it was handed over: then its answer is still read."""
        if not self.handed_over:
            self.cut()

    def cut(self) -> None:
        """Break the connections, from another thread: the one that uses them ends with an error."""
        self.is_withdrawn = True
        for connection in list(self._connections.values()):
            sock: socket.socket | None = connection.sock
            if sock is not None:
                with suppress(OSError):
                    # ssl's own shutdown would take the TLS layer away under the other thread's feet
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connections; by the thread that used them, or when none does."""
        for connection in self._connections.values():
            connection.close()

    def _connection(self, host: str, port: int) -> _Connection:
        if (host, port) not in self._connections:
            self._connections[host, port] = _Connection(host, port, self._way)
        return self._connections[host, port]

    def _ask(self, connection: _Connection, method: str, target: str, body: Any, headers: Mapping[str, str]) -> HTTPResponse:
        connection.close_if_stale()
        if connection.sock is None:
            connection.connect()
        if self.is_withdrawn:
            raise ConnectionAbortedError("withdrawn")
        try:
            connection.request(method, target, body, dict(headers))
        except OSError as error:
            return _early_answer(connection, error)
        self.handed_over = True
        return connection.getresponse()


def _response(answer: HTTPResponse) -> Any:
    from httplib2 import Response  # noqa: PLC0415 - Google's libraries are imported in a thread

    return Response(answer)


def _early_answer(connection: _Connection, error: OSError) -> HTTPResponse:
    """Return the refusal of a server that did not want to read all of the request."""
    with suppress(OSError, HTTPException):
        answer = connection.getresponse()
        if answer.status >= 400:
            return answer
    raise error


def _is_stale(sock: Any, timeout: float) -> bool:
    sock.setblocking(False)
    try:
        sock.recv(1)
    except ssl.SSLWantReadError:  # nothing to read but, perhaps, a session ticket
        return False
    except OSError:
        return True
    else:
        return True  # the end, or an answer to no question
    finally:
        sock.settimeout(timeout)


def _read(answer: HTTPResponse, patience: float) -> bytes:
    pieces: list[bytes] = []
    left = LONGEST_ANSWER
    until = time.monotonic() + patience
    while piece := answer.read1(_PIECE):
        pieces.append(piece)
        left -= len(piece)
        until += len(piece) / _SLOWEST
        if left < 0:
            raise BadAnswer("endless")
        if time.monotonic() > until:
            raise TimeoutError("the answer drips")
    if answer.length:  # reading in pieces does not notice this by itself
        raise IncompleteRead(b"", answer.length)
    answer.close()  # nor, before Python 3.13, that it has ended
    content = b"".join(pieces)
    return _unzipped(content) if answer.getheader("content-encoding", "") == "gzip" else content


def _unzipped(content: bytes) -> bytes:
    unzip = zlib.decompressobj(wbits=31)
    try:
        plain = unzip.decompress(content, LONGEST_ANSWER)
    except zlib.error as error:
        raise BadAnswer("not gzip") from error
    if not unzip.eof:
        raise BadAnswer("too long, or cut off")
    return plain
