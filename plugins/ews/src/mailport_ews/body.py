"""What is uploaded: XML with messages inside, made piece by piece, which knows when its last byte was written.

A message of 25 MB would otherwise be held four times: as bytes, as base64, in the XML tree and as its text.
"""

from __future__ import annotations

import io
import tempfile
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

__all__ = ["Body", "Mime", "split"]

_IN_MEMORY = 1024 * 1024
_STEP = 3 * 64 * 1024
"""Bytes that become base64 at once: a multiple of three, so that pieces join without padding."""


class Mime:
    """The bytes of one message, spooled to a temporary file when they are many; read as base64 as often as wanted."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by ``close``
        try:
            self.size = sum(self._file.write(chunk) for chunk in chunks)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def __len__(self) -> int:
        """Return how many bytes of base64 there are."""
        return (self.size + 2) // 3 * 4

    def base64(self) -> Iterator[bytes]:
        """Yield the message as base64 without line breaks."""
        self._file.seek(0)
        while chunk := self._file.read(_STEP):
            yield b64encode(chunk)


def split(xml: bytes, streams: Mapping[str, Mime]) -> Sequence[bytes | Mime]:
    """Return ``xml`` in pieces, with each token of ``streams`` replaced by its message."""
    pieces: list[bytes | Mime] = []
    for token, mime in streams.items():
        before, _, xml = xml.partition(token.encode())
        pieces += [before, mime]
    return [*pieces, xml]


class Body:
    """A request's body as HTTP libraries read it: a file with a length.

    ``finished`` says that its last byte was written: the library asks for more only after the former piece went out.
    """

    def __init__(self, pieces: Sequence[bytes | Mime]) -> None:
        self.finished = False
        self._pieces = pieces
        self._length = sum(map(len, pieces))
        self._position = 0
        self._buffer = memoryview(b"")
        self._source = self._parts()

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(_STEP):
            yield chunk

    def read(self, size: int = -1) -> bytes:
        """Return the next piece, at most ``size`` bytes; nothing at the end."""
        if not self._buffer:
            self._buffer = memoryview(next(self._source, b""))
        wanted = len(self._buffer) if size < 0 else size
        chunk = bytes(self._buffer[:wanted])
        self._buffer = self._buffer[wanted:]
        self._position += len(chunk)
        self.finished = not chunk
        return chunk

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go back to the start, the only place to which anybody goes: a sign-in sends the request again.

        A server may refuse before it has read everything, so that going back by the whole length may end before the start.
        """
        target = offset + (self._position if whence == io.SEEK_CUR else 0)
        if target > 0:
            raise io.UnsupportedOperation("a body can only be sent again from its start")
        self._rewind()
        return 0

    def _rewind(self) -> None:
        self.finished = False
        self._position = 0
        self._buffer = memoryview(b"")
        self._source = self._parts()

    def _parts(self) -> Iterator[bytes]:
        for piece in self._pieces:
            yield from (piece,) if isinstance(piece, bytes) else piece.base64()
