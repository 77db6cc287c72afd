"""winmail.dat: what Outlook wraps into one file that only Outlook opens (TNEF, [MS-OXTNEF]).

The file stays an attachment of the message, as it came; what is in it is found beside. tnefparse reads it, which believes every
number in the file and copies the rest of it for each object: both are held in bounds here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mimetypes import guess_type
from typing import Any, SupportsIndex, overload

from mailport.content import Attachment
from mailport.errors import UnsupportedFeature
from mailport.message import Message
from mailport.policies import Recogniser, Stage
from mailport.reading.filenames import safe_name
from mailport.reading.words import decode_raw
from mailport.rules import RecognitionRules

__all__ = ["Winmail", "WinmailRecogniser", "unpack"]

MAX_SIZE = 25 * 1024 * 1024
"""Bytes; a larger file is not opened."""

_COPIES = 4 * 1024**3  # bytes that the library may copy: each object costs it the rest of the file
_SLICES = 100_000  # pieces that it may cut out: an honest file has some hundred

_OBJECT = struct.Struct("<BHHI")  # level, name, type, length; then the data and a checksum of two bytes
_CHECKSUM = 2
_SIGNATURE = 6
_TITLE, _ATTACHMENT, _PROPERTIES = 0x8010, 0x9005, 0x9003
# Body, attachment data, rendering data (which begins an attachment), code page. Recipients and the like are in the headers.
_NEEDED = frozenset({_TITLE, _ATTACHMENT, _PROPERTIES, 0x800C, 0x800F, 0x9002, 0x9007})
# The library reads no text before it knows the code page; a file that names its own comes after.
_USUAL_CODE_PAGE = _OBJECT.pack(1, 0x9007, 6, 8) + struct.pack("<II", 1252, 0) + bytes(_CHECKSUM)
# Begins an attached Outlook message, which the library would read into, as deep as they go.
_EMBEDDED = bytes.fromhex("0703020000000000c000000000000046")
_MASK = b"mailport: nested"  # stands for it while the library reads; of the same length
_TYPES = ("application/ms-tnef", "application/vnd.ms-tnef")


@dataclass(frozen=True, slots=True)
class Winmail:
    """What a winmail.dat holds; a message of Outlook's own that is attached to it comes as a file in TNEF again."""

    files: tuple[Attachment, ...]
    text: str = ""
    html: str = ""
    reason: str = "a file in Outlook's format (TNEF)"


class WinmailRecogniser(Recogniser):
    """Opens a winmail.dat."""

    name = "winmail"
    stage = Stage.CONTENT

    def recognise(self, message: Message, rules: RecognitionRules) -> Winmail | None:  # noqa: ARG002 - as in the contract
        """Return what is in it, or None where there is none, or none that can be read."""
        wrapped = next((file for file in message.attachments if _is_winmail(file)), None)
        return unpack(wrapped.content) if wrapped else None


def _is_winmail(file: Attachment) -> bool:
    return file.content_type in _TYPES or (
        file.filename.lower() == "winmail.dat" and file.content_type == "application/octet-stream"
    )


def unpack(content: bytes) -> Winmail | None:
    """Return what is in a TNEF file, or None where it is none, is broken, or is too large.

    Raises ``UnsupportedFeature`` without the extra ``mailport[tnef]``.
    """
    library = _library()
    kept = b"".join(_objects(content)) if len(content) <= MAX_SIZE else b""
    try:
        tnef = library(_guarded(content[:_SIGNATURE] + _USUAL_CODE_PAGE + kept, [_SLICES]), do_checksum=False)
        files = tuple(_attachment(file) for file in tnef.attachments)
        return Winmail(files, _text(tnef.body), _text(tnef.htmlbody))
    except Exception:
        return None


def _library() -> Any:
    try:
        from tnefparse import TNEF  # noqa: PLC0415 - an extra, needed for few messages
    except ImportError as error:
        raise UnsupportedFeature(
            "Opening a winmail.dat needs a library.", code="recognition.tnef_missing", remedy="Install mailport[tnef]."
        ) from error
    return TNEF


def _objects(content: bytes) -> Iterator[bytes]:
    """Yield the objects that are needed, with counts that fit their size; no more than may be copied."""
    at, left = _SIGNATURE, _COPIES
    while at + _OBJECT.size <= len(content) and left > 0:
        level, name, kind, length = _OBJECT.unpack_from(content, at)
        data = content[at + _OBJECT.size : at + _OBJECT.size + length]
        at += _OBJECT.size + length + _CHECKSUM
        if name in _NEEDED:
            data = _within_bounds(name, data)
            left -= len(content)
            yield _OBJECT.pack(level, name, kind, len(data)) + data + bytes(_CHECKSUM)


def _within_bounds(name: int, data: bytes) -> bytes:
    if name == _TITLE:  # the library expects UTF-8, Outlook writes the code page of its machine
        return decode_raw(data.rstrip(b"\0")).encode()
    if name in (_ATTACHMENT, _PROPERTIES) and len(data) >= 4:
        count = min(int.from_bytes(data[:4], "little"), len(data) // 8)  # a property has 8 bytes at least
        return count.to_bytes(4, "little") + data[4:].replace(_EMBEDDED, _MASK)
    return data


class _Guarded(bytes):
    """Bytes of which only so many pieces can be cut, and none beyond the end."""

    budget: list[int]

    @overload
    def __getitem__(self, key: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> bytes: ...
    def __getitem__(self, key: SupportsIndex | slice) -> int | bytes:
        if not isinstance(key, slice):
            return super().__getitem__(key)
        self.budget[0] -= 1
        if self.budget[0] < 0 or (key.start or 0) > len(self):
            raise IndexError
        return _guarded(super().__getitem__(key), self.budget)


def _guarded(data: bytes, budget: list[int]) -> _Guarded:
    guarded = _Guarded(data)
    guarded.budget = budget
    return guarded


def _attachment(file: Any) -> Attachment:
    name = safe_name(str(file.long_filename()))
    data = bytes(file.data)
    if data.startswith(_MASK):
        return Attachment(filename=name, content=data[len(_MASK) :], content_type=_TYPES[1])
    return Attachment(filename=name, content=data, content_type=guess_type(name)[0] or "application/octet-stream")


def _text(text: Any) -> str:
    if isinstance(text, list):  # of a property with several values
        text = next(iter(text), "")
    return (decode_raw(bytes(text)) if isinstance(text, bytes) else str(text or "")).replace("\r\n", "\n").replace("\0", "")
