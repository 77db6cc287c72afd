"""Mailboxes in memory: folders with messages, by uid."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

__all__ = ["Mailbox", "StoredMail"]

_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


@dataclass(slots=True)
class StoredMail:
    """A message in a folder. Who signed in to send it, and its envelope, are empty where a test put it there."""

    uid: int
    raw: bytes
    user: str = ""
    envelope_from: str = ""
    envelope_to: tuple[str, ...] = ()
    seen: bool = False
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def message_id(self) -> str:
        """The Message-ID, or an empty string."""
        found = _MESSAGE_ID.search(self.raw)
        return found[1].decode("ascii", "replace") if found else ""


class Mailbox:
    """The folders of one address. A uid is never given twice; ``epoch`` changes when all of them become void."""

    def __init__(self) -> None:
        self.epoch = 1
        self.folders: dict[str, dict[int, StoredMail]] = {"INBOX": {}}
        self._uids = count(1)

    def __repr__(self) -> str:
        sizes = " ".join(f"{name}={len(mails)}" for name, mails in self.folders.items())
        return f"<Mailbox epoch={self.epoch} {sizes}>"

    def add(self, raw: bytes, folder: str = "INBOX", **envelope: Any) -> StoredMail:
        """Put a message into a folder, which is created when missing."""
        mail = StoredMail(uid=next(self._uids), raw=raw, **envelope)
        self.folders.setdefault(folder, {})[mail.uid] = mail
        return mail

    def mails(self, folder: str = "INBOX") -> list[StoredMail]:
        """Return the messages of a folder, oldest first."""
        return list(self.folders.get(folder, {}).values())

    def find(self, uid: int) -> tuple[str, StoredMail] | None:
        """Return the folder and the message of ``uid``, None if it is gone."""
        return next(((name, mails[uid]) for name, mails in self.folders.items() if uid in mails), None)

    def remove(self, uid: int) -> None:
        """Remove a message; nothing happens if it is gone."""
        for mails in self.folders.values():
            mails.pop(uid, None)

    def move(self, uid: int, folder: str) -> StoredMail | None:
        """Move a message; it gets a new uid, as on most servers. None if it is gone."""
        found = self.find(uid)
        if found is None:
            return None
        self.remove(uid)
        mail = found[1]
        mail.uid = next(self._uids)
        self.folders.setdefault(folder, {})[mail.uid] = mail
        return mail

    def forget(self) -> None:
        """Make every uid and every cursor void, as a server does whose index was rebuilt."""
        self.epoch += 1
