"""What a server said, made fit to be shown."""

from __future__ import annotations

from collections.abc import Iterable

from mailport.account import Account
from mailport.address import CONTROL

__all__ = ["LONGEST", "clean"]

LONGEST = 200
"""Characters of a server's text that are kept."""
_HIDDEN = "••••••"


def clean(text: str, account: Account, secrets: Iterable[str] = ()) -> str:
    """Return ``text`` on one line, without the account's secrets or the further ``secrets``, cut to ``LONGEST``."""
    for secret in filter(None, secrets):
        text = text.replace(secret, _HIDDEN)
    return " ".join(CONTROL.sub(" ", account.redact(text)).split())[:LONGEST]
