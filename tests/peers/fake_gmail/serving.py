"""HTTP over TLS with a thread per connection, which counts, holds, cuts and stays silent on demand."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.peers.fake_gmail.faults import Fault
from tests.peers.ports import HOST
from tests.peers.threaded_http import Listener, ThreadedHttp

_PIECE = 128 * 1024


@dataclass
class Request:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Headers
    body: bytes = b""


@dataclass
class Answer:
    """One answer."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json; charset=UTF-8"),)


class TlsServer(ThreadedHttp):
    """Serves from entering to leaving the block. Subclasses name operations and do them.

    `faults` and the switches may be changed at any time. `requests` are the operations in the order in which they came.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.connections = 0
        self.open_connections = 0
        self.under_way = 0  # messages begun, or connections that want to begin one, without an answer
        self.is_silent = False
        self.cuts_handshakes = False
        self.latency = 0.0  # seconds before each answer
        self.reads_slowly = 0.0  # seconds between two pieces of a request's body
        self.most_at_once = 0
        self._context = context
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._handshakes = _open_gate()
        self._answers = _open_gate()
        super().__init__(_Listener(self))

    def let_go(self) -> None:
        self._end.set()
        self._handshakes.set()
        self._answers.set()

    @property
    def url(self) -> str:
        """The root."""
        return f"https://{HOST}:{self.port}/"

    def count(self, operation: str) -> int:
        """How many requests of this operation came so far."""
        return sum(name.endswith(operation) for name in self.requests)

    @contextmanager
    def holding_handshakes(self) -> Iterator[None]:
        """No new connection gets ready inside the block."""
        self._handshakes.clear()
        try:
            yield
        finally:
            self._handshakes.set()

    @contextmanager
    def holding_answers(self) -> Iterator[None]:
        """Requests are taken and done inside the block, and answered after it."""
        self._answers.clear()
        try:
            yield
        finally:
            self._answers.set()

    def operation(self, request: Request) -> str:
        """The name of what is asked for."""
        raise NotImplementedError

    def perform(self, operation: str, request: Request) -> Answer:
        """Do it."""
        raise NotImplementedError

    def shake_hands(self, raw: socket.socket) -> ssl.SSLSocket | None:
        """Return the connection as it is after TLS, None where there is to be none."""
        with self._lock:
            self.connections += 1
            self.under_way += 1
        try:
            self._handshakes.wait()
            if self.cuts_handshakes:
                raw.recv(1)  # a reset before the client's first byte would fail its connect instead
                reset(raw)
                return None
            return self._context.wrap_socket(raw, server_side=True)
        except OSError:
            return None
        finally:
            with self._lock:
                self.under_way -= 1

    def serve(self, handler: "Handler", request: Request, length: int) -> None:
        """Answer one request, or do to it what a fault says."""
        operation = self.operation(request)
        fault = self._fault(operation)
        if fault.cut == "before":
            raise HangUp
        request.body = self._read(handler, length)
        if len(request.body) < length:  # the client went away before it had said everything
            raise HangUp
        with self._lock:
            self.requests.append(operation)
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            self._stay_silent_if_told()
            answer = self._answer(operation, request, fault)
            self._answers.wait()
            self._end.wait(fault.delay + self.latency)
            if fault.cut == "after":
                raise HangUp
            handler.send(answer, fault)
        finally:
            with self._lock:
                self.under_way -= 1

    def _read(self, handler: "Handler", length: int) -> bytes:
        if not self.reads_slowly:
            return handler.rfile.read(length)
        pieces = []
        for at in range(0, length, _PIECE):
            time.sleep(self.reads_slowly)
            pieces.append(handler.rfile.read(min(_PIECE, length - at)))
        return b"".join(pieces)

    def _answer(self, operation: str, request: Request, fault: Fault) -> Answer:
        if fault.status is not None:
            return Answer(fault.status, fault.body, tuple(fault.headers.items()))
        answer = self.perform(operation, request)
        return Answer(answer.status, b'{"id": ' + answer.body[:5], answer.headers) if fault.garble else answer

    def _fault(self, operation: str) -> Fault:
        with self._lock:
            return next((fault for fault in self.faults if fault.concerns(operation)), Fault(times=0))

    def _stay_silent_if_told(self) -> None:
        if self.is_silent:
            self._end.wait()
            raise HangUp


class HangUp(Exception):
    """The connection ends here."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    owner: TlsServer

    def do_GET(self) -> None:
        """Serve a question."""
        self._serve()

    def do_POST(self) -> None:
        """Serve a change."""
        self._serve()

    def _serve(self) -> None:
        url = urlsplit(self.path)
        request = Request(self.command, url.path, parse_qs(url.query, keep_blank_values=True), self.headers)
        try:
            self.owner.serve(self, request, int(self.headers.get("Content-Length", 0)))
        except HangUp:
            self.close_connection = True
            reset(self.connection)

    def send(self, answer: Answer, fault: Fault) -> None:
        """Write an answer in one piece, or as a fault wants it: only the first bytes of its body, or one by one."""
        head = [f"HTTP/1.1 {answer.status} Status"]
        head += [f"{name}: {value}" for name, value in (*answer.headers, ("Content-Length", str(len(answer.body))))]
        body = answer.body[: fault.truncate]
        self.wfile.write("\r\n".join([*head, "", ""]).encode() + (b"" if fault.drip else body))
        for at in range(len(body) if fault.drip else 0):
            time.sleep(fault.drip)
            self.wfile.write(body[at : at + 1])
        if fault.truncate is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Keep standard error clean."""


class _Listener(Listener):
    def __init__(self, owner: TlsServer) -> None:
        self.owner = owner
        super().__init__(type("OwnedHandler", (Handler,), {"owner": owner}))

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread, then serve it."""
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.owner.open_connections += 1
        try:
            encrypted = self.owner.shake_hands(request)
            if encrypted is not None:
                try:
                    super().finish_request(encrypted, client_address)
                finally:
                    encrypted.close()
        finally:
            self.owner.open_connections -= 1

    def shutdown_request(self, request: Any) -> None:
        """Close; a socket that became a TLS one was closed there."""
        if request.fileno() >= 0:
            super().shutdown_request(request)


def reset(sock: socket.socket) -> None:
    """End a connection as a crash does (TCP RST)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def _open_gate() -> threading.Event:
    gate = threading.Event()
    gate.set()
    return gate


def now_ms() -> int:
    """The time as Gmail counts it."""
    return int(time.time() * 1000)
