"""A message in chunks.

One that was read from bytes leaves as those bytes, less its Bcc header. One that was composed is written piece by piece:
25 MB are never held twice, and no single step holds the interpreter for long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from mailport.reading import Original, split_headers
from mailport.rendering.fields import head
from mailport.rendering.parts import body

if TYPE_CHECKING:
    from mailport.message import Message

__all__ = ["CHUNK", "render"]

CHUNK = 256 * 1024
"""The largest piece, in bytes: anything bigger would stall an event loop."""

_BCC = re.compile(rb"^(?:resent-)?bcc:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)


def render(message: Message, *, keep_bcc: bool) -> Iterator[bytes]:
    """Yield the message in chunks of at most ``CHUNK`` bytes."""
    if message.original is not None:
        yield from _original(message.original, keep_bcc=keep_bcc)
    else:
        yield from _gathered(_composed(message, keep_bcc=keep_bcc))


def _original(original: Original, *, keep_bcc: bool) -> Iterator[bytes]:
    headers, body_at = split_headers(original)
    kept = headers if keep_bcc else _BCC.sub(b"", headers)
    yield from _pieces(kept)
    yield from _tail(original, len(headers) if body_at else body_at)


def _tail(original: Original, start: int) -> Iterator[bytes]:
    if isinstance(original, Path):
        with original.open("rb") as file:
            file.seek(start)
            while chunk := file.read(CHUNK):
                yield chunk
    else:
        yield from _pieces(original, start)


def _pieces(data: bytes, start: int = 0) -> Iterator[bytes]:
    for at in range(start, len(data), CHUNK):
        yield data[at : at + CHUNK]


def _composed(message: Message, *, keep_bcc: bool) -> Iterable[bytes]:
    entity = body(message)
    fields = chain(head(message, keep_bcc=keep_bcc), ("MIME-Version: 1.0\r\n", entity.head, "\r\n"))
    return chain(("".join(fields).encode(),), entity.content)


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join small pieces and cut big ones, so that every chunk but the last is worth a write."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        if size + len(piece) > CHUNK:
            yield from _pieces(b"".join(waiting))
            waiting, size = [], 0
        waiting.append(piece)
        size += len(piece)
    yield from _pieces(b"".join(waiting))
