"""What became of a message, recipient by recipient."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Receipt", "RecipientResult", "Status"]


class Status(StrEnum):
    """What became of one recipient."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DEFERRED = "deferred"
    BLOCKED = "blocked"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientResult:
    """One recipient's outcome, with the server's words beside it.

    ``reply_code`` is the protocol's own number (SMTP 250, HTTP 202); ``enhanced_code`` is an RFC 3463 code (``5.1.1``).
    """

    address: str
    status: Status
    reply_code: int | None = None
    enhanced_code: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The outcome of one message.

    ``provider_id`` is the id that the server gave the message, ``reply`` its answer to the message as a whole. ``notes``
    says what was left out or changed on the way (an override, a blocked recipient).
    """

    message_id: str
    recipients: tuple[RecipientResult, ...]
    provider_id: str | None = None
    reply: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def for_all(cls, message_id: str, addresses: tuple[str, ...], status: Status, *, text: str = "") -> Receipt:
        """Return a receipt in which every address has the same ``status``."""
        results = tuple(RecipientResult(address=address, status=status, text=text) for address in addresses)
        return cls(message_id=message_id, recipients=results, reply=text)

    def with_status(self, status: Status) -> tuple[RecipientResult, ...]:
        """Return the recipients that ended in ``status``."""
        return tuple(result for result in self.recipients if result.status is status)

    @property
    def accepted(self) -> bool:
        """Whether every recipient was accepted."""
        return bool(self.recipients) and all(result.status is Status.ACCEPTED for result in self.recipients)

    def as_dict(self) -> dict[str, Any]:
        """Return the receipt as JSON-ready data."""
        return asdict(self)
