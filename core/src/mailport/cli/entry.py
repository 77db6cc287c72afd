"""One received message as the command line tells of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from mailport.reading import HEADER_LIMIT, Headers
from mailport.transport import Acknowledgement, Delivery

__all__ = ["Entry", "EntryState", "read_head"]


class EntryState(StrEnum):
    """What became of a message that was found."""

    LISTED = "listed"
    SAVED = "saved"
    KNOWN = "known"
    """It had been saved before."""
    TOO_LARGE = "too large"
    """It stays in the mailbox until a person decides."""
    GONE = "gone"
    """It vanished between listing and reading."""
    WITHHELD = "withheld"
    """The server lists it and does not hand it out; it stays where it is."""


@dataclass(kw_only=True)
class Entry:
    """A message: its headers as far as they were read, the file it was saved to, and what ``--then`` did to it."""

    delivery: Delivery
    state: EntryState = EntryState.LISTED
    headers: Headers = field(default_factory=lambda: Headers(b""))
    file: Path | None = None
    done: Acknowledgement | None = None

    @property
    def may_be_acknowledged(self) -> bool:
        """Whether ``--then`` applies: never to a message that nobody has stored or seen."""
        return self.state in (EntryState.LISTED, EntryState.SAVED, EntryState.KNOWN)

    @property
    def sender(self) -> str:
        """Who wrote it."""
        return self.headers.get("from")

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.headers.get("subject")

    @property
    def date(self) -> str:
        """When it was written, else when it came, to the minute."""
        date = self.headers.date() or self.delivery.received_at
        return date.isoformat(" ", "minutes") if date else ""

    @property
    def size(self) -> str:
        """Its size for a person."""
        size = self.delivery.size
        return "" if size is None else f"{size} B" if size < 10_000 else f"{size / 1000:,.0f} kB"

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as JSON-ready data."""
        error = self.done.error if self.done else None
        return {
            "key": self.delivery.key,
            "state": self.state.value.replace(" ", "_"),
            "file": str(self.file) if self.file else None,
            "size": self.delivery.size,
            "received_at": self.delivery.received_at.isoformat() if self.delivery.received_at else None,
            "flags": sorted(self.delivery.flags),
            "message_id": next(iter(self.headers.ids("message-id")), None),
            "from": self.sender or None,
            "to": self.headers.get("to") or None,
            "subject": self.subject or None,
            "date": self.headers.get("date") or None,
            "then": {"done": self.done.done, "error": error.as_dict() if error else None} if self.done else None,
        }


async def read_head(delivery: Delivery) -> Headers:
    """Return the headers, reading no more chunks than they need."""
    head = b""
    async with aclosing(cast("AsyncGenerator[bytes]", delivery.chunks())) as chunks:
        async for chunk in chunks:
            head += chunk
            if b"\n\n" in head or b"\r\n\r\n" in head or len(head) > HEADER_LIMIT:
                break
    return Headers(head)
