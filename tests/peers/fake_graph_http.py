"""HTTP/1.1 over TLS, as much as the fake needs: every request is read whole, every fault of a connection can be played."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.peers.ports import HOST


@dataclass(frozen=True)
class Request:
    """One request; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query, and without the version of the service."""
        return self.target.partition("?")[0].removeprefix("/v1.0")

    def json(self) -> dict[str, Any]:
        """The body as an object."""
        found: dict[str, Any] = json.loads(self.body or b"{}")
        return found


@dataclass(frozen=True)
class Reply:
    """One answer. `chunked` hides its length; `cut` is after how many bytes of the body the connection breaks."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False
    cut: int | None = None


class Lost(Exception):
    """The connection breaks instead of an answer."""


class HttpServer:
    """Serves `handle`. The switches work at any time, for connections that come after."""

    def __init__(self, context: ssl.SSLContext, handle: Callable[[Request], Awaitable[Reply]]) -> None:
        self.port = 0
        self.connections = 0
        self.open: set[asyncio.StreamWriter] = set()
        self.waiting = 0  # connections whose handshake is held
        self.hold_handshakes = asyncio.Event()
        self.hold_handshakes.set()
        self.drop_handshakes = False
        self.pace = 0.0  # seconds that each 128 KB of a body take
        self.before_body: Callable[[Request], Awaitable[None]] | None = None
        self._context = context
        self._handle = handle
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on a free port."""
        listener = socket.create_server((HOST, 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)  # what is not read is not taken
        self._server = await asyncio.start_server(self._connected, sock=listener, limit=65_536)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End every connection."""
        self._server.close()
        self.cut_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut_all(self) -> None:
        """Break every open connection."""
        for writer in self.open:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, Lost, asyncio.CancelledError):
                await self._begin(writer)
                while await self._exchange(reader, writer):
                    pass
        finally:
            self.open.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _begin(self, writer: asyncio.StreamWriter) -> None:
        if self.drop_handshakes:
            raise Lost
        self.waiting += 1
        try:
            await self.hold_handshakes.wait()
        finally:
            self.waiting -= 1
        await writer.start_tls(self._context)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = head.strip().split("\r\n")
        method, target, _ = line.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        request = Request(method, target, headers)
        if self.before_body is not None:
            await self.before_body(request)
        body = await self._body(reader, int(headers.get("content-length", "0")))
        try:
            reply = await self._handle(Request(method, target, headers, body))
        except Lost:
            _reset(writer)
            raise
        return await _answer(writer, reply)

    async def _body(self, reader: asyncio.StreamReader, length: int) -> bytes:
        body = bytearray()
        while len(body) < length:
            body += await reader.readexactly(min(131_072, length - len(body)))
            await asyncio.sleep(self.pace)
        return bytes(body)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _answer(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    length = {"Transfer-Encoding": "chunked"} if reply.chunked else {"Content-Length": str(len(reply.body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in {**reply.headers, **length}.items())
    writer.write(f"HTTP/1.1 {reply.status} Status\r\n{head}\r\n".encode())
    body = reply.body if reply.cut is None else reply.body[: reply.cut]
    for at in range(0, len(body), 60_000):
        piece = body[at : at + 60_000]
        writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" if reply.chunked else piece)
        await writer.drain()
    if reply.cut is not None:
        await writer.drain()
        writer.close()
        return False
    if reply.chunked:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True
