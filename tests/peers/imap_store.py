"""The mailboxes of the scripted IMAP server: messages with UIDs and flags, in memory."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass
class ImapMail:
    """One message of a folder."""

    uid: int
    content: bytes
    flags: set[str] = field(default_factory=set)
    internal_date: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    @property
    def header(self) -> bytes:
        """The header with the empty line that ends it."""
        return self.content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    def field(self, name: str) -> str:
        """The unfolded value of a header field, empty without one."""
        found = re.search(rb"^%b:((?:[^\r\n]|\r\n[ \t])*)" % name.encode(), self.header, re.IGNORECASE | re.MULTILINE)
        return found[1].replace(b"\r\n", b"").strip().decode(errors="replace") if found else ""


@dataclass
class Folder:
    """Messages in the order of their UIDs; sequence numbers are positions in `mails`, from 1."""

    uidvalidity: int = 1
    uidnext: int = 1
    mails: list[ImapMail] = field(default_factory=list)
    attributes: tuple[str, ...] = ()  # such as `\\Trash`, shown by LIST

    def add(self, content: bytes, *flags: str) -> ImapMail:
        """Append a message; it gets the next UID."""
        mail = ImapMail(self.uidnext, content, set(flags))
        self.uidnext += 1
        self.mails.append(mail)
        return mail

    def numbered(self, message_set: str, *, by_uid: bool) -> list[tuple[int, ImapMail]]:
        """Sequence numbers and messages of a set such as `1:3,7,9:*`."""
        key = {number: mail.uid if by_uid else number for number, mail in enumerate(self.mails, 1)}
        ranges = [_range(part, max(key.values(), default=0)) for part in message_set.split(",")]
        return [
            (number, mail)
            for number, mail in enumerate(self.mails, 1)
            if any(low <= key[number] <= high for low, high in ranges)
        ]

    def remove(self, gone: list[ImapMail]) -> list[int]:
        """Remove messages; the numbers to announce by EXPUNGE, in that order."""
        numbers = [number for number, mail in enumerate(self.mails, 1) if mail in gone]
        self.mails = [mail for mail in self.mails if mail not in gone]
        return numbers[::-1]


def _range(part: str, last: int) -> tuple[int, int]:
    """The bounds of `3`, `3:7` or `3:*`; a range may stand backwards (RFC 3501, section 9, seq-range)."""
    bounds = [last if bound == "*" else int(bound) for bound in part.split(":")]
    return min(bounds), max(bounds)
