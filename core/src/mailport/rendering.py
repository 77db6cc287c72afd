"""A message to RFC 5322 bytes, in chunks.

A message that was read from bytes leaves as those bytes, less its Bcc header. One that was composed becomes a skeleton by
the standard library in which a token stands for each big attachment, whose base64 is then made piece by piece: 25 MB are
never held twice, and no single step holds the interpreter for long.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from email.generator import BytesGenerator
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from mailport.address import Address
from mailport.content import Attachment
from mailport.reading import Original, split_headers

if TYPE_CHECKING:
    from mailport.message import Message

__all__ = ["CHUNK", "render"]

CHUNK = 256 * 1024
"""The largest piece, in bytes: anything bigger would stall an event loop."""

_LINE = 57  # 57 bytes are one base64 line of 76 characters
_BIG = CHUNK // 4
_BCC = re.compile(rb"^(?:resent-)?bcc:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)
_ID_HEADERS = frozenset({"message-id", "in-reply-to", "references"})


class _WirePolicy(EmailPolicy):
    """``policy.SMTP`` that never encodes message ids.

    The standard library writes an id of 78 characters or more, such as Exchange's, as an encoded word, and threading breaks.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in _ID_HEADERS:
            return f"{name}: {self.linesep.join(f' {part}' for part in str(value).split())[1:]}{self.linesep}".encode()
        return super().fold_binary(name, value)


_ASCII = _WirePolicy(**{k: getattr(SMTP, k) for k in ("linesep", "raise_on_defect")}, cte_type="7bit")
_UTF8 = _ASCII.clone(utf8=True)


def render(message: Message, *, keep_bcc: bool) -> Iterator[bytes]:
    """Yield the message in chunks of at most ``CHUNK`` bytes."""
    if message.original is not None:
        yield from _original(message.original, keep_bcc=keep_bcc)
    else:
        yield from _composed(message, keep_bcc=keep_bcc)


def _original(original: Original, *, keep_bcc: bool) -> Iterator[bytes]:
    headers, body = split_headers(original)
    kept = headers if keep_bcc else _BCC.sub(b"", headers)
    yield from _pieces(kept)
    yield from _tail(original, len(headers) if body else body)


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


def _composed(message: Message, *, keep_bcc: bool) -> Iterator[bytes]:
    big = {token_hex(16): file for file in message.attachments if len(file.content) > _BIG}
    rest = _skeleton(message, {id(file): token for token, file in big.items()}, keep_bcc=keep_bcc)
    for token, file in big.items():
        before, _, rest = rest.partition(token.encode())
        yield from _pieces(before)
        yield from _base64(file.content)
    yield from _pieces(rest)


def _base64(content: bytes) -> Iterator[bytes]:
    step = _LINE * 2048
    for at in range(0, len(content), step):
        encoded = b64encode(content[at : at + step])
        end = b"\r\n" if at + step < len(content) else b""
        yield b"\r\n".join(encoded[i : i + 76] for i in range(0, len(encoded), 76)) + end


def _skeleton(message: Message, tokens: dict[int, str], *, keep_bcc: bool) -> bytes:
    wire = EmailMessage(policy=_UTF8 if message.needs_smtputf8 else _ASCII)
    _set_headers(wire, message, keep_bcc=keep_bcc)
    _set_content(wire, message, tokens)
    buffer = BytesIO()
    BytesGenerator(buffer, mangle_from_=False, policy=wire.policy).flatten(wire)
    return buffer.getvalue()


def _set_headers(wire: EmailMessage, message: Message, *, keep_bcc: bool) -> None:
    if message.sender is not None:
        wire["From"] = _to_header((message.sender,))
    lists = {"To": message.to, "Cc": message.cc, "Bcc": message.bcc if keep_bcc else (), "Reply-To": message.reply_to}
    for name, addresses in lists.items():
        if addresses:
            wire[name] = _to_header(addresses)
    wire["Subject"] = message.subject
    if message.date is not None:
        wire["Date"] = format_datetime(message.date)
    ids = {
        "Message-ID": message.message_id,
        "In-Reply-To": message.in_reply_to,
        "References": " ".join(message.references),
    }
    for name, value in (*ids.items(), *message.headers):
        if value:
            wire[name] = value


def _to_header(addresses: tuple[Address, ...]) -> tuple[HeaderAddress, ...]:
    return tuple(_header_address(address) for address in addresses)


def _header_address(address: Address) -> HeaderAddress:
    local = address.local_part
    if local.startswith('"'):  # the header object quotes again where it must
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    return HeaderAddress(address.display_name, local, address.ascii_mailbox.rpartition("@")[2])


def _set_content(wire: EmailMessage, message: Message, tokens: dict[int, str]) -> None:
    inline = [file for file in message.attachments if file.inline and file.content_id and message.html]
    attached = [file for file in message.attachments if file not in inline]
    if message.text or not message.html:
        wire.set_content(message.text)
    if message.html and message.text:
        wire.add_alternative(message.html, subtype="html")
    elif message.html:
        wire.set_content(message.html, subtype="html")
    for file in inline:
        _add(_html_part(wire), file, tokens)
    for file in attached:
        _add(wire, file, tokens)


def _html_part(wire: EmailMessage) -> MIMEPart:
    """Return the part that becomes multipart/related: images belong to the HTML, not to the whole message."""
    related = next((part for part in wire.walk() if part.get_content_type() == "multipart/related"), None)
    return related or next(part for part in wire.walk() if part.get_content_type() == "text/html")


def _add(part: MIMEPart, file: Attachment, tokens: dict[int, str]) -> None:
    token = tokens.get(id(file))
    maintype, _, subtype = file.content_type.partition("/")
    if maintype in ("message", "multipart"):  # the library insists on parsing these; they travel as files
        maintype, subtype = "application", "octet-stream"
    put = part.add_related if file.inline and file.content_id else part.add_attachment
    put(
        file.content if token is None else b"",
        maintype,
        subtype,
        disposition="inline" if file.inline else "attachment",
        cid=f"<{file.content_id}>" if file.content_id else None,
        filename=file.filename or None,
    )
    if token is not None:
        list(part.iter_parts())[-1].set_payload(token)
