"""What a received message says: its texts and attachments, read when first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from mailport.content import Attachment
from mailport.reading.filenames import safe_name
from mailport.reading.headers import Original
from mailport.reading.parts import Part, leaves
from mailport.reading.transfer import decode
from mailport.reading.words import decode_bytes, decode_text

__all__ = ["ReadContent"]


class ReadContent:
    """The texts and attachments of a received message, parsed when first asked for."""

    def __init__(self, original: Original) -> None:
        self._original = original

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReadContent) and self._original == other._original

    def __hash__(self) -> int:
        return hash(self._original)

    @property
    def text(self) -> str:
        """The plain text; several inline texts are joined by an empty line."""
        return self._read.text

    @property
    def html(self) -> str:
        """The HTML text; several inline ones are joined."""
        return self._read.html

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """Everything else, attached messages included, in the order of the message."""
        return self._read.attachments

    @cached_property
    def _read(self) -> _Read:
        data = self._original if isinstance(self._original, bytes) else self._original.read_bytes()
        return _read(data)


class _Read(NamedTuple):
    text: str
    html: str
    attachments: tuple[Attachment, ...]


def _read(data: bytes) -> _Read:
    texts: list[str] = []
    htmls: list[str] = []
    files: list[Attachment] = []
    for part in leaves(data):
        is_body = part.content_type in ("text/plain", "text/html") and part.disposition != "attachment" and not part.filename
        if is_body:
            (texts if part.content_type == "text/plain" else htmls).append(_text(part))
        else:
            files.append(_attachment(part))
    return _Read("\n\n".join(texts), "".join(htmls), tuple(files))


def _text(part: Part) -> str:
    text = decode_bytes(_octets(part), part.charset)
    return text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").replace("\r\n", "\n").replace("\0", "")


def _octets(part: Part) -> bytes:
    return decode(part.data[part.body : part.stop], part.encoding)


def _attachment(part: Part) -> Attachment:
    content_id = decode_text(part.fields.get("content-id", "")).strip("<> ")
    return Attachment(
        filename=safe_name(part.filename),
        content=_octets(part),
        content_type=part.content_type,
        content_id=content_id or None,
        inline=part.disposition == "inline" or (not part.disposition and bool(content_id)),
    )
