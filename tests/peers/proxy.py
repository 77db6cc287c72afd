"""A TCP proxy that makes a good network bad: slow, cut, or silent."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Self

from tests.peers.loop_thread import LoopThread
from tests.peers.ports import HOST

_CHUNK = 65536
Send = Callable[[bytes], Awaitable[None]]


class Proxy:
    """Forwards a free port to `target` from entering to leaving the block; the switches work at any time."""

    host = HOST

    def __init__(self, target: int, *, latency: float = 0.0, cut_after: int | None = None, blackhole: bool = False) -> None:
        self.port = 0
        self.latency = latency  # seconds that bytes are under way, in each direction
        self.cut_after = cut_after  # a connection ends after so many bytes from the client have passed
        self.blackhole = blackhole  # nothing passes any more, in no direction, and connections stay open
        self.connections = 0  # so far
        self._target = target
        self._writers: list[asyncio.StreamWriter] = []
        self._thread = LoopThread()

    def __enter__(self) -> Self:
        self._thread.__enter__()
        self.port = self._thread.run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.run(self._close())
        self._thread.__exit__()

    def cut(self) -> None:
        """End every connection that is open now; new ones are served."""
        self._thread.run(self._abort())

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._connected, HOST, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        self._server.close()
        await self._abort()

    async def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        with suppress(OSError, asyncio.CancelledError):  # asyncio would log a cancelled callback
            far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
            self._writers.append(far_writer)
            there = _Direction(self, reader, far_writer, self.cut_after)
            back = _Direction(self, far_reader, writer, None)
            await asyncio.gather(there.read(), there.write(), back.read(), back.write())
        writer.close()


class _Direction:
    """One way through the proxy: bytes are queued with the time at which they are due."""

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: int | None) -> None:
        self._proxy = proxy
        self._reader = reader
        self._writer = writer
        self._budget = budget
        self._queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def read(self) -> None:
        while data := await self._reader.read(_CHUNK):
            if not self._proxy.blackhole:
                self._queue.put_nowait((time.monotonic() + self._proxy.latency, data))
        self._queue.put_nowait((time.monotonic() + self._proxy.latency, b""))

    async def write(self) -> None:
        """Pass on what is due; an empty chunk is the end."""
        while True:
            due, data = await self._queue.get()
            await asyncio.sleep(due - time.monotonic())
            if not data:
                self._writer.close()
                return
            await self._pass_on(data)

    async def _pass_on(self, data: bytes) -> None:
        if self._proxy.blackhole:
            return
        if self._budget is not None:
            data, self._budget = data[: self._budget], self._budget - len(data)
        self._writer.write(data)
        await self._writer.drain()
        if self._budget is not None and self._budget <= 0:
            self._writer.close()
            raise ConnectionAbortedError("the budget of bytes is used up")
