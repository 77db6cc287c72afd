"""A TCP server that plays a small script for every connection."""

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Self

from tests.peers.dialogue import Dialogue, HangUp, Overrides, Plan, abort
from tests.peers.loop_thread import LoopThread
from tests.peers.ports import HOST

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter, list[bytes]], Awaitable[None]]

_GONE = (HangUp, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError)
_LONGEST_LINE = 2**26


class ScriptedServer:
    """Serves from entering to leaving the block, in a thread of its own.

    `behaviour` is called for every connection with reader, writer and the list `received`, where it puts what it
    reads; when it returns or raises `HangUp` the connection is closed. Any other error of it is raised again at the end
    of the block.
    """

    host = HOST

    def __init__(self, behaviour: Behaviour, *, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.received: list[bytes] = []
        self.connections = 0  # so far
        self.open_connections = 0  # now
        self._behaviour = behaviour
        self._tls = tls
        self._errors: list[Exception] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._thread = LoopThread()

    def __enter__(self) -> Self:
        self._thread.__enter__()
        self.port = self._thread.run(self._listen())
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._thread.run(self._close())
        self._thread.__exit__()
        if self._errors and kind is None:
            raise ExceptionGroup("the script failed", self._errors)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._connected, HOST, 0, ssl=self._tls, limit=_LONGEST_LINE)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.connections += 1
        self.open_connections += 1
        try:
            with suppress(*_GONE):
                await self._behaviour(reader, writer, self.received)
        except Exception as error:
            self._errors.append(error)
        finally:
            self.open_connections -= 1
            writer.close()

    async def _close(self) -> None:
        self._server.close()
        for writer in self._writers:
            abort(writer.transport)


class VerbServer(ScriptedServer, ABC):
    """A correct server of one protocol; `overrides` says at which verbs it shall misbehave, and may be changed later."""

    def __init__(self, overrides: Mapping[str, Plan] | None, *, tls: ssl.SSLContext | None) -> None:
        super().__init__(self._behave, tls=tls)
        self.overrides: Overrides = {
            verb: list(plan) if isinstance(plan, list) else plan for verb, plan in (overrides or {}).items()
        }

    @abstractmethod
    async def converse(self, dialogue: Dialogue) -> None:
        """Serve one connection."""

    async def _behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: list[bytes]) -> None:
        await self.converse(Dialogue(reader, writer, log, self.overrides))
