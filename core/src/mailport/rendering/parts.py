"""The body: texts as alternatives, images related to the HTML, files mixed in after (RFC 2046, RFC 2387)."""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import b2a_qp
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import chain
from secrets import token_bytes
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from mailport.content import Attachment
from mailport.rendering.fields import text_field

if TYPE_CHECKING:
    from mailport.message import Message

__all__ = ["Entity", "body"]

_COLUMNS = 76  # RFC 2045 section 6.8
_STEP = 57 * 2048  # octets encoded at once: whole lines of base64
_KEY = token_bytes(32)

# Short lines of printable ASCII go as they are, but for "From ", which mailbox files mark with another character.
_SEVEN_BIT = re.compile(rb"(?:(?!From )[\t -~]{0,78}+\r\n)*+(?:(?!From )[\t -~]{0,78}+)")
# An attached message must not be encoded (RFC 2046 section 5.2.1): it goes as it is, or as a mere file.
_MESSAGE = re.compile(rb"(?:[\x01-\x09\x0b\x0c\x0e-\x7f]{0,998}+\r\n)*+[\x01-\x09\x0b\x0c\x0e-\x7f]{0,998}+")
_ASCII_OCTETS = bytes(range(128))


class Entity(NamedTuple):
    """One part: its fields, and the pieces of its content without a line end of their own at the end."""

    head: str
    content: Iterable[bytes]


def body(message: Message) -> Entity:
    """Return the whole body of a composed message, its last line ended."""
    if not message.attachments and not (message.text and message.html):
        return _lone_text(message.html, "html") if message.html else _lone_text(message.text, "plain")
    texts = [_text(message.text, "plain")] if message.text or not message.html else []
    if message.html:
        shown = (_file(file) for file in message.attachments if _is_shown(file))
        texts.append(_multipart("related", [_text(message.html, "html"), *shown], message))
    files = (_file(file) for file in message.attachments if not (message.html and _is_shown(file)))
    head, content = _multipart("mixed", [_multipart("alternative", texts, message), *files], message)
    return Entity(head, chain(content, (b"\r\n",)))


def _is_shown(file: Attachment) -> bool:
    return file.inline and bool(file.content_id)


def _multipart(subtype: str, parts: Sequence[Entity], message: Message) -> Entity:
    """Join the parts; one needs no joining."""
    if len(parts) == 1:
        return parts[0]
    boundary = _boundary(message, subtype)
    return Entity(f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n', _joined(parts, boundary.encode()))


def _boundary(message: Message, subtype: str) -> str:
    """Return what nobody can guess, the same for the same message: a retry sends equal bytes."""
    digest = blake2b(message.message_id.encode("utf-8", "replace"), key=_KEY, digest_size=12).hexdigest()
    return f"=_{subtype}_{digest}"


def _joined(parts: Sequence[Entity], boundary: bytes) -> Iterator[bytes]:
    for part in parts:
        yield b"--%b\r\n%b\r\n" % (boundary, part.head.encode())
        yield from part.content
        yield b"\r\n"
    yield b"--%b--" % boundary


def _text(text: str, subtype: str) -> Entity:
    encoding, content = _encoded(_octets(text))
    return Entity(_text_head(subtype, encoding), content)


def _lone_text(text: str, subtype: str) -> Entity:
    """Return a text that ends with the message: where it has no line end of its own, the message's is marked as soft."""
    data = _octets(text)
    unended = bool(data) and not data.endswith(b"\n")
    encoding, content = _encoded(data, unended=unended)
    end = {"7bit": b"", "quoted-printable": b"=\r\n" if unended else b"", "base64": b"\r\n"}[encoding]
    return Entity(_text_head(subtype, encoding), chain(content, (end,)))


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "replace").replace(b"\n", b"\r\n")


def _text_head(subtype: str, encoding: str) -> str:
    return f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n'


def _encoded(data: bytes, *, unended: bool = False) -> tuple[str, Iterable[bytes]]:
    """Choose the encoding: none, quoted-printable where people can still read it, base64 for other alphabets."""
    if not unended and _SEVEN_BIT.fullmatch(data):
        return "7bit", (data,)
    beyond_ascii = len(data.translate(None, _ASCII_OCTETS))
    bare_return = data.count(b"\r") != data.count(b"\r\n")  # quoted-printable would leave it as it is
    if bare_return or beyond_ascii * 6 > len(data):
        return "base64", _base64(data)
    quoted = b2a_qp(data + b"\r\n")[:-2]  # with a line end, what stands before it is encoded where it must
    if unended and len(quoted) - quoted.rfind(b"\n") > _COLUMNS:  # no room for a soft line break
        return "base64", _base64(data)
    return "quoted-printable", (quoted,)


def _base64(content: bytes) -> Iterator[bytes]:
    """Yield lines of base64, piece by piece: a big file is never held twice."""
    for at in range(0, len(content), _STEP):
        encoded = b64encode(content[at : at + _STEP])
        if at:
            yield b"\r\n"
        yield b"\r\n".join([encoded[i : i + _COLUMNS] for i in range(0, len(encoded), _COLUMNS)])


def _file(file: Attachment) -> Entity:
    content_type, encoding, content = _carried(file)
    # Readers take a text without a name for a body, unless it says that it is none.
    disposition = "inline" if file.inline and (file.filename or not content_type.startswith("text/")) else "attachment"
    fields = [
        f"Content-Type: {content_type}\r\n",
        f"Content-Transfer-Encoding: {encoding}\r\n",
        f"Content-Disposition: {disposition}{_parameter('filename', file.filename)}\r\n",
    ]
    if file.content_id:
        fields.append(text_field("Content-ID", f"<{file.content_id}>"))
    return Entity("".join(fields), content)


def _carried(file: Attachment) -> tuple[str, str, Iterable[bytes]]:
    """Return how a file travels: media type, transfer encoding, content."""
    maintype = file.content_type.partition("/")[0]
    if maintype == "message" and _MESSAGE.fullmatch(file.content):
        return file.content_type, "7bit", _slices(file.content)
    content_type = "application/octet-stream" if maintype in ("message", "multipart") else file.content_type
    return content_type, "base64", _base64(file.content)


def _slices(data: bytes) -> Iterator[bytes]:
    return (data[at : at + _STEP] for at in range(0, len(data), _STEP))


_QUOTABLE = re.compile(r"[ !#-\[\]-~]{0,60}")
_SECTION = 60  # characters of an RFC 2231 section: the line stays below 78


def _parameter(name: str, value: str) -> str:
    """Return a parameter on a line of its own: quoted where it is short ASCII, else in sections (RFC 2231)."""
    if not value:
        return ""
    if _QUOTABLE.fullmatch(value) and "=?" not in value:
        return f';\r\n {name}="{value}"'
    encoded = "utf-8''" + quote(value, safe="", errors="replace")
    if len(encoded) <= _SECTION:
        return f";\r\n {name}*={encoded}"
    pieces = _sections(encoded)
    return "".join(f";\r\n {name}*{number}*={piece}" for number, piece in enumerate(pieces))


def _sections(encoded: str) -> Iterator[str]:
    """Cut between octets, never inside one's ``%XX``."""
    at = 0
    while at < len(encoded):
        end = at + _SECTION
        if "%" in encoded[end - 2 : end]:
            end = encoded.rindex("%", at, end)
        yield encoded[at:end]
        at = end
