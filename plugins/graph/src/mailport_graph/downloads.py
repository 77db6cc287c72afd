"""The bytes of messages: streamed one by one, or small ones in batches ahead of a host that reads them in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from tempfile import SpooledTemporaryFile
from urllib.parse import quote

from mailport.errors import MailportError
from mailport_graph.client import BATCH, Call, GraphClient
from mailport_graph.translate import Answer
from mailport_graph.wire import mime_of

__all__ = ["Downloads"]

_CHUNK = 256 * 1024
_IN_MEMORY = 1 << 20  # bytes of a message beyond which it lies on disk
_EAGER_FROM = 2  # reads after which a host is taken to read everything


class Downloads:
    """Loads the messages that one receiver listed."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self._small: list[str] = []
        self._ahead: dict[str, asyncio.Future[bytes | None]] = {}
        self._read: set[str] = set()
        self._is_eager = True

    def announce(self, small: Sequence[str]) -> None:
        """Say which messages come next that have no attachments; what was read ahead and not asked for is dropped."""
        self._small = list(small)
        self._ahead = {}

    async def load(self, key: str) -> AsyncIterator[bytes]:
        """Yield the message's bytes. Raises ``NotFound`` if it is gone."""
        ready = await self._from_batch(key)
        if ready is None:
            async for chunk in _spooled(self._client, _value(self._client, key)):
                yield chunk
            return
        for at in range(0, len(ready), _CHUNK):
            yield ready[at : at + _CHUNK]

    async def _from_batch(self, key: str) -> bytes | None:
        """Return a message that was read ahead, reading ahead if that is worth it; else None."""
        self._read.add(key)
        if key not in self._ahead and self._is_eager and len(self._read) >= _EAGER_FROM:
            await self._read_ahead(self._next(key))
        future = self._ahead.get(key)
        ready = await asyncio.shield(future) if future is not None else None
        self._ahead.pop(key, None)
        return ready

    def _next(self, key: str) -> list[str]:
        if key not in self._small:
            return []
        later = self._small[self._small.index(key) + 1 :]
        return [key, *(other for other in later if other not in self._read and other not in self._ahead)][:BATCH]

    async def _read_ahead(self, keys: Sequence[str]) -> None:
        if len(keys) < 2:
            return
        futures: list[asyncio.Future[bytes | None]] = [asyncio.get_running_loop().create_future() for _ in keys]
        self._ahead |= dict(zip(keys, futures, strict=True))
        bodies: Sequence[bytes | None] = [None] * len(keys)
        try:
            bodies = [_body(one) for one in await self._client.batch([_value(self._client, key) for key in keys])]
        except MailportError:
            self._is_eager = False  # one by one each tells its own failure, and a big one is streamed
        finally:
            for future, body in zip(futures, bodies, strict=True):
                future.set_result(body)


def _value(client: GraphClient, key: str) -> Call:
    return Call(method="GET", path=f"{client.mailbox}/messages/{quote(key, safe='')}/$value")


def _body(answer: Answer | None) -> bytes | None:
    if answer is None or answer.status != 200:
        return None
    return mime_of(answer.body.decode("utf-8", "replace"))


async def _spooled(client: GraphClient, call: Call) -> AsyncIterator[bytes]:
    """Yield what ``call`` downloads; the download goes on at its own speed, so that a slow reader holds up nobody."""
    came = asyncio.Event()
    size = 0
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:

        async def fill() -> None:
            nonlocal size
            async with client.download(call) as chunks:
                async for chunk in chunks:
                    file.seek(size)
                    size += file.write(chunk)
                    came.set()

        filling = asyncio.ensure_future(fill())
        filling.add_done_callback(lambda _: came.set())
        try:
            at = 0
            while at < size or not filling.done():
                came.clear()
                if at < size:
                    file.seek(at)
                    chunk = file.read(_CHUNK)
                    at += len(chunk)
                    yield chunk
                elif not filling.done():
                    await came.wait()
            filling.result()
        finally:
            filling.cancel()
            await asyncio.gather(filling, return_exceptions=True)
