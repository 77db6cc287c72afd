"""Bytes to header values and content; whatever arrives is read, nothing raises.

Parses with the standard library's ``compat32`` policy: the modern ones are 10 times slower and raise ``IndexError`` on
some broken headers (``Message-ID: <>``) before Python 3.13.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.header import decode_header
from email.message import Message as Part
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32
from email.utils import collapse_rfc2231_value, getaddresses, parsedate_to_datetime
from functools import cached_property
from io import BytesIO
from pathlib import Path

from mailport.address import CONTROL, Address
from mailport.content import Attachment
from mailport.errors import ConfigurationError

__all__ = ["Headers", "Original", "ReadContent", "split_headers"]

Original = bytes | Path
"""The bytes a message was read from, or the file that holds them."""

HEADER_LIMIT = 1 << 20
"""Headers beyond this many bytes are not read: no honest message has them."""

# Names that senders use for charsets which Python knows under another name, or whose superset they really mean.
_CHARSET_ALIASES = {
    "ansi_x3.110-1983": "latin-1",
    "cp-850": "cp850",
    "gb2312": "gb18030",
    "iso-8859-8-i": "iso-8859-8",
    "ks_c_5601-1987": "cp949",
    "unicode-1-1-utf-7": "utf-7",
    "utf8mb4": "utf-8",
    "x-sjis": "cp932",
}


def split_headers(original: Original) -> tuple[bytes, int]:
    """Return the header block with its final line end, and the offset at which the body starts."""
    if isinstance(original, bytes):
        return _header_block(original[:HEADER_LIMIT])
    with original.open("rb") as file:
        return _header_block(file.read(HEADER_LIMIT))


def _header_block(head: bytes) -> tuple[bytes, int]:
    ends = [(at + len(gap) // 2, at + len(gap)) for gap in (b"\r\n\r\n", b"\n\n") if (at := head.find(gap)) >= 0]
    if head.startswith((b"\r\n", b"\n")):
        return b"", head.index(b"\n") + 1
    end, body = min(ends, default=(len(head), len(head)))
    return head[:end], body


class Headers:
    """The decoded headers of a received message, by name without regard to case."""

    def __init__(self, original: Original) -> None:
        parsed = BytesHeaderParser(policy=compat32).parsebytes(split_headers(original)[0] + b"\r\n")
        self.items = tuple((name, decode_text(value)) for name, value in parsed.raw_items())

    def get(self, name: str) -> str:
        """Return the first value of ``name``, or an empty string."""
        return next((value for other, value in self.items if other.lower() == name), "")

    def addresses(self, name: str) -> tuple[Address, ...]:
        """Return the readable addresses of every header ``name``; what is no address is left out."""
        values = [value.replace(";", ",") for other, value in self.items if other.lower() == name]
        return tuple(address for pair in getaddresses(values) for address in _readable(*pair))

    def ids(self, name: str) -> tuple[str, ...]:
        """Return the message ids in header ``name``, with angle brackets."""
        return tuple(f"<{piece.strip('<>')}>" for piece in self.get(name).split() if piece.strip("<>"))

    def date(self) -> datetime | None:
        """Return the Date header with a time zone, or None where it cannot be read."""
        with suppress(ValueError, TypeError, IndexError, OverflowError):
            date = parsedate_to_datetime(self.get("date"))
            return date if date.tzinfo else date.replace(tzinfo=UTC)
        return None


def _readable(name: str, mailbox: str) -> Iterator[Address]:
    with suppress(ConfigurationError):
        yield Address(mailbox, CONTROL.sub(" ", name).strip())


def decode_text(value: str) -> str:
    """Return a header value unfolded and decoded: RFC 2047 words, raw UTF-8 or cp1252."""
    unfolded = "".join(_decode_bytes(value.encode("utf-8", "surrogateescape")).splitlines())
    try:
        pieces = decode_header(unfolded)
    except ValueError:  # broken base64 in an encoded word; email.errors.HeaderParseError is a ValueError
        return unfolded.strip()
    return "".join(_decode_piece(piece, charset) for piece, charset in pieces).replace("\0", "").strip()


def _decode_piece(piece: str | bytes, charset: str | None) -> str:
    if isinstance(piece, str):
        return piece
    # A decoded word may hide a line break; as text it must not become a new header.
    return " ".join(decode_bytes(piece, charset).splitlines()) if piece.strip() else piece.decode("ascii", "replace")


def decode_bytes(data: bytes, charset: str | None) -> str:
    """Decode with the declared charset where it is known and fits, else UTF-8, else cp1252."""
    name = (charset or "utf-8").strip("\"' ").lower()
    with suppress(LookupError, UnicodeError, ValueError):
        return data.decode(_CHARSET_ALIASES.get(name, name))
    return _decode_bytes(data)


def _decode_bytes(data: bytes) -> str:
    with suppress(UnicodeDecodeError):
        return data.decode("utf-8")
    return data.decode("cp1252", "replace")


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
        return self._read[0]

    @property
    def html(self) -> str:
        """The HTML text; several inline ones are joined."""
        return self._read[1]

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """Everything else, attached messages included, in the order of the message."""
        return self._read[2]

    @cached_property
    def _read(self) -> tuple[str, str, tuple[Attachment, ...]]:
        parts = list(_leaves(_parse(self._original)))
        texts = [_text(part) for part in parts if _is_text(part, "text/plain")]
        htmls = [_text(part) for part in parts if _is_text(part, "text/html")]
        files = [_attachment(part) for part in parts if not _is_text(part, "text/plain", "text/html")]
        return "\n\n".join(texts), "".join(htmls), tuple(files)


def _parse(original: Original) -> Part:
    if isinstance(original, bytes):
        return BytesParser(policy=compat32).parse(BytesIO(original))
    with original.open("rb") as file:
        return BytesParser(policy=compat32).parse(file)


def _leaves(part: Part) -> Iterator[Part]:
    """Yield the parts that hold something; an attached message is one part, its inside is not ours to list."""
    if part.get_content_maintype() != "multipart" or not part.is_multipart():
        yield part
        return
    for child in part.get_payload():
        if isinstance(child, Part):
            yield from _leaves(child)


def _is_text(part: Part, *content_types: str) -> bool:
    attached = part.get_content_disposition() == "attachment" or bool(part.get_filename())
    return part.get_content_type() in content_types and not attached


def _text(part: Part) -> str:
    charset = part.get_param("charset")
    return decode_bytes(_payload(part), collapse_rfc2231_value(charset) if charset else None).replace("\r\n", "\n")


def _payload(part: Part) -> bytes:
    if part.is_multipart():  # message/rfc822, message/delivery-status: their parts, as they stand
        return b"".join(child.as_bytes() for child in part.get_payload() if isinstance(child, Part))
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _attachment(part: Part) -> Attachment:
    content_id = decode_text(str(part.get("Content-ID", ""))).strip("<> ")
    disposition = part.get_content_disposition()
    return Attachment(
        filename=" ".join(decode_text(str(part.get_filename() or "")).split("\0")).strip(),
        content=_payload(part),
        content_type=part.get_content_type(),
        content_id=content_id or None,
        inline=disposition == "inline" or (disposition is None and bool(content_id)),
    )
