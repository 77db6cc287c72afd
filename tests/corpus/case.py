"""The form of a case, and the words in which messages are written down."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One message: what is difficult about it, its bytes, and what reading it must give, by attribute of ``Message``."""

    name: str
    about: str
    raw: bytes
    reads: Mapping[str, Any] = field(default_factory=dict)


def named(subject: str, about_and_raw: Iterable[tuple[Any, ...]]) -> Iterator[Case]:
    """Number the cases of a subject."""
    for number, (about, raw, *reads) in enumerate(about_and_raw, 1):
        yield Case(f"{subject}-{number:03}", about, raw, reads[0] if reads else {})


def lines(*parts: str | bytes) -> bytes:
    """Join lines with CRLF, the last one included."""
    return b"".join((part if isinstance(part, bytes) else part.encode()) + b"\r\n" for part in parts)


def mail(*head: str | bytes, body: bytes = b"hello\r\n") -> bytes:
    """Return a message with From and To, these headers, and a body."""
    return lines("From: ann@example.org", "To: bob@example.org", *head, "") + body


def multipart(*parts: bytes, kind: str = "mixed", boundary: str = "b0", end: bytes = b"\r\n", closed: bool = True) -> bytes:
    """Return a message of several parts, each with its headers."""
    line = b"--" + boundary.encode()
    inside = b"".join(line + end + part + end for part in parts) + (line + b"--" + end if closed else b"")
    head = lines("From: ann@example.org", "To: bob@example.org", "MIME-Version: 1.0")
    return head.replace(b"\r\n", end) + f'Content-Type: multipart/{kind}; boundary="{boundary}"'.encode() + end + end + inside


def part(content_type: str, content: bytes = b"content", *head: str | bytes) -> bytes:
    """Return one part for ``multipart``."""
    return lines(f"Content-Type: {content_type}", *head, "") + content
