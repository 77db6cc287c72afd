"""What follows DATA: measured once, then written piece by piece; only a small message is kept as a whole.

Rendering a message is Python code that may take seconds for a big one, so that it is done in a thread, a piece at a time.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import policy
from email.encoders import encode_base64
from email.generator import BytesGenerator
from email.message import Message as Part
from email.parser import BytesParser
from io import BytesIO
from pathlib import Path

from mailport.errors import ConfigurationError, UnsupportedFeature
from mailport.message import Message
from mailport_smtp.wire import Normaliser

__all__ = ["Content", "measure", "seven_bit"]

SMALL = 128 * 1024
"""Octets up to which a message is kept as one piece."""
SLICE = 64 * 1024
"""Octets written at once: enough for speed, little enough to see progress on a slow line."""
_QUICK = 64 * 1024
"""Octets of a composed message up to which rendering is so short that a thread would cost more."""
_QUICK_ORIGINAL = 2 * 1024 * 1024
"""The same for a message that leaves as the bytes it was read from."""
_SIGNED_TYPES = ("multipart/signed", "application/pkcs7-mime", "application/x-pkcs7-mime")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A message's content; ``size`` as SIZE counts, ``whole`` if it is small; both without doubled dots and END."""

    size: int
    is_ascii: bool
    whole: bytes | None
    chunks: Callable[[], Iterator[bytes]]
    in_thread: bool

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield what follows DATA, END included, in slices. Raises ``ConfigurationError`` if it cannot be read any more."""
        if self.whole is not None:
            yield self.whole
            return
        normalised = _normalised(self.chunks())
        while piece := await self._next(normalised):
            for at in range(0, len(piece), SLICE):
                yield piece[at : at + SLICE]

    async def _next(self, pieces: Iterator[bytes]) -> bytes:
        with _readable():
            return await asyncio.to_thread(next, pieces, b"") if self.in_thread else next(pieces, b"")


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            "The file that holds the message cannot be read.",
            code="message.unreadable",
            field="original",
            remedy="Keep the file until the message was sent.",
        ) from error


async def measure(message: Message) -> Content:
    """Return the content of ``message``."""
    in_thread = _is_slow(message)
    with _readable():
        return await asyncio.to_thread(_measure, message.chunks, True) if in_thread else _measure(message.chunks, False)


async def seven_bit(message: Message) -> Content:
    """Return the content in ASCII, for a server without 8BITMIME.

    Raises ``UnsupportedFeature`` for a signed message: another encoding would break its signature.
    """
    data = await asyncio.to_thread(_encoded, message)
    return _measure(lambda: iter([data[at : at + SMALL] for at in range(0, len(data), SMALL)]), False)


def _is_slow(message: Message) -> bool:
    if message.original is not None:
        return isinstance(message.original, Path) or len(message.original) > _QUICK_ORIGINAL
    sizes = (len(file.content) for file in message.attachments)
    return len(message.text) + len(message.html) + sum(sizes) > _QUICK


def _measure(chunks: Callable[[], Iterator[bytes]], in_thread: bool) -> Content:
    lines, kept = Normaliser(), bytearray()
    for chunk in chunks():
        piece = lines.feed(chunk)
        if lines.size <= SMALL:
            kept += piece
    kept += lines.finish()
    whole = bytes(kept) if lines.size <= SMALL else None
    return Content(size=lines.size, is_ascii=lines.is_ascii, whole=whole, chunks=chunks, in_thread=in_thread)


def _normalised(chunks: Iterator[bytes]) -> Iterator[bytes]:
    lines = Normaliser()
    for chunk in chunks:
        if piece := lines.feed(chunk):
            yield piece
    yield lines.finish()


def _encoded(message: Message) -> bytes:
    parsed: Part = BytesParser(policy=policy.compat32).parsebytes(message.to_bytes())
    parts = list(parsed.walk())
    if parsed["DKIM-Signature"] or any(part.get_content_type() in _SIGNED_TYPES for part in parts):
        raise _needs_eight_bits("is signed")
    for part in parts:
        _encode(part)
    buffer = BytesIO()
    BytesGenerator(buffer, mangle_from_=False, policy=policy.compat32.clone(linesep="\r\n", cte_type="7bit")).flatten(parsed)
    if not buffer.getvalue().isascii():
        raise _needs_eight_bits("holds 8-bit text between its parts")
    return buffer.getvalue()


def _encode(part: Part) -> None:
    """Give a part that has 8-bit bytes an encoding; parts that only contain such parts lose the label."""
    if re.fullmatch("8bit|binary", str(part.get("Content-Transfer-Encoding", "")).strip(), re.IGNORECASE):
        del part["Content-Transfer-Encoding"]
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes) and not payload.isascii() and "Content-Transfer-Encoding" not in part:
        part.set_payload(payload)
        encode_base64(part)


def _needs_eight_bits(why: str) -> UnsupportedFeature:
    return UnsupportedFeature(
        f"The server takes ASCII only, and this message {why}: it cannot be encoded anew.",
        code="send.8bitmime",
        remedy="Send it through a server with 8BITMIME, or have it written in ASCII.",
    )
