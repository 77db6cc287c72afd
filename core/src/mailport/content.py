"""What a message says: its texts and its attachments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from mailport.errors import ConfigurationError

__all__ = ["Attachment", "Composed", "Content"]

_MIME_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.ASCII)
_LINE_BREAK = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that travels with a message.

    ``content_id`` is what ``cid:`` URLs in the HTML name, kept without angle brackets; ``inline`` says that the HTML shows it.
    ``content`` are the decoded bytes.
    """

    filename: str
    content: bytes
    content_type: str = "application/octet-stream"
    content_id: str | None = None
    inline: bool = False

    def __post_init__(self) -> None:
        if _LINE_BREAK.search(self.filename + (self.content_id or "")):
            raise ConfigurationError(
                "The name of an attachment contains a line break.", code="message.line_break", field="attachments"
            )
        if not _MIME_TYPE.fullmatch(self.content_type):
            raise ConfigurationError(
                f"“{self.content_type[:60]}” is not a media type.",
                code="message.media_type",
                field="attachments",
                remedy="Write it as type/subtype, for instance application/pdf.",
            )
        object.__setattr__(self, "content_type", self.content_type.lower())
        object.__setattr__(self, "content_id", (self.content_id or "").strip("<> ") or None)


class Content(Protocol):
    """The texts and attachments of a message, composed here or read from its bytes."""

    @property
    def text(self) -> str:
        """Plain text, or an empty string."""

    @property
    def html(self) -> str:
        """HTML text, or an empty string."""

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """Attachments, inline images included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """Content written by the host: plain text, HTML, or both as alternatives; empty means absent.

    Texts are kept as mail can carry them: lines end with a line feed, and there is no NUL nor byte order mark.
    """

    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _as_carried(self.text))
        object.__setattr__(self, "html", _as_carried(self.html))


def _as_carried(text: str) -> str:
    return text.replace("\0", "").replace("\r\n", "\n").lstrip("\N{ZERO WIDTH NO-BREAK SPACE}")
