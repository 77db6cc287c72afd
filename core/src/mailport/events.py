"""What observers are told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mailport.receipt import Receipt

__all__ = ["Event", "EventKind"]


class EventKind(StrEnum):
    """What happened."""

    SENT = "sent"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to one account: no secret, no subject, no body.

    ``message`` is the Message-ID of a mail sent or the key of a delivery; ``seconds`` how long it took; ``code`` the error's.
    """

    kind: EventKind
    protocol: str
    user_name: str
    message: str = ""
    seconds: float = 0.0
    code: str = ""
    receipt: Receipt | None = None
