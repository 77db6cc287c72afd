"""Where a receiver goes on: the cursor of Gmail, as a value.

A mailbox is first read as a list, oldest message first, and then by its history. ``history`` is the history id from which
changes count; it was taken before the list, so that nothing that came meanwhile is missed. ``after`` is the message that was
the latest one before the round ended early; ``is_listing`` says that it stands in the list and not in the history.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailport.errors import NotFound
from mailport.transport import Cursor

__all__ = ["Place"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A cursor; ``user`` and ``label`` say for which mailbox and label it is, ``date`` is that of ``after`` if known."""

    user: str
    label: str
    history: str
    after: str = ""
    date: int | None = None
    is_listing: bool = False

    def passed(self, key: str, date: int | None = None) -> Place:
        """Return the place behind message ``key``."""
        return replace(self, after=key, date=date)

    def as_cursor(self) -> Cursor:
        """Return what the host stores."""
        cursor: dict[str, Cursor] = {"user": self.user, "label": self.label, "history": self.history}
        if self.after:
            cursor |= {"after": self.after, "date": self.date, "listing": self.is_listing}
        return cursor

    @classmethod
    def read(cls, cursor: Cursor, *, user: str, label: str) -> Place:
        """Read a stored cursor. Raises ``NotFound`` (``read.cursor``) for one that is not of this mailbox and label."""
        if isinstance(cursor, dict) and cursor.get("user") == user and cursor.get("label") == label:
            history, after, date = cursor.get("history"), cursor.get("after", ""), cursor.get("date")
            if isinstance(history, str) and history.isdigit() and isinstance(after, str):
                known = date if isinstance(date, int) else None
                is_listing = cursor.get("listing") is True
                return cls(user=user, label=label, history=history, after=after, date=known, is_listing=is_listing)
        raise unknown_cursor()


def unknown_cursor() -> NotFound:
    """Return the error for a cursor that means nothing any more."""
    return NotFound(
        "Gmail no longer knows the place up to which this label was read.",
        code="read.cursor",
        remedy="Read it from the beginning; what was stored already is recognised by its key.",
    )
