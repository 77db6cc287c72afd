"""What the steps of Test Connection tell a person, whatever the protocol."""

from __future__ import annotations

__all__ = ["UNENCRYPTED", "messages"]

UNENCRYPTED = "Warning: nothing is encrypted; the mail, and the password if there is one, can be read on the way."


def messages(count: int) -> str:
    """Return how many messages there are, in words."""
    return f"{count} message{'' if count == 1 else 's'}"
