"""What happens to IMAP messages after they were stored: marked, moved or deleted, and harmless to repeat.

All of it blocks: it runs in the connection's thread. A message that is gone is done; commands by UID pass over it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from imaplib import IMAP4

from imapclient import DELETED, SEEN

from mailport_smtp.imap.folders import exists, make
from mailport_smtp.imap.wire import Client

__all__ = ["Filed", "Filing", "copied"]

BATCH = 500
"""Messages per command: Yahoo allows 1,000, and lines above 8,000 bytes are refused by some."""

_MOST_REFUSALS = 30
"""After so many refused commands the cause is not a single message, and asking for each would only be noise."""

_COPYUID = re.compile(rb"(\d+) ([\d:,]+) ([\d:,]+)")

Apply = Callable[[Sequence[int]], Mapping[int, str]]


@dataclass(slots=True)
class Filed:
    """The outcome by UID: new keys of messages that moved, where the server tells, and errors; all others are done.

    ``made`` is the folder that was made for them, empty where it was there.
    """

    made: str = ""
    new_keys: dict[int, str] = field(default_factory=dict)
    errors: dict[int, Exception] = field(default_factory=dict)
    refusals: int = 0


class Filing:
    """Commands on the messages of the selected folder."""

    def __init__(self, client: Client, offers: Callable[[str], bool]) -> None:
        self._client = client
        self._offers = offers
        self._made: set[str] = set()

    def mark_read(self, uids: Sequence[int]) -> Filed:
        """Set the flag of read messages."""
        return self._in_batches(uids, self._mark_read)

    def delete(self, uids: Sequence[int]) -> Filed:
        """Delete for good."""
        return self._in_batches(uids, self._delete)

    def move(self, uids: Sequence[int], folder: str) -> Filed:
        """Move to a folder, which is made when it is missing."""
        filed = self._in_batches(uids, lambda batch: self._move_making(batch, folder))
        filed.made = folder if folder in self._made else ""
        return filed

    def _in_batches(self, uids: Sequence[int], apply: Apply) -> Filed:
        filed = Filed()
        for start in range(0, len(uids), BATCH):
            self._apply(uids[start : start + BATCH], apply, filed)
        return filed

    def _apply(self, batch: Sequence[int], apply: Apply, filed: Filed) -> None:
        """Apply a command to a batch; where it is refused, halve it until the message at fault stands alone (QUE-02)."""
        try:
            filed.new_keys.update(apply(batch))
        except IMAP4.abort:
            raise
        except IMAP4.error as error:
            filed.refusals += 1
            if len(batch) == 1 or filed.refusals > _MOST_REFUSALS:
                filed.errors.update(dict.fromkeys(self._present(batch), error))
                return
            middle = len(batch) // 2
            self._apply(batch[:middle], apply, filed)
            self._apply(batch[middle:], apply, filed)

    def _present(self, batch: Sequence[int]) -> Sequence[int]:
        """Return those that are still there: some servers refuse a command because of one that is gone."""
        try:
            found: Sequence[int] = self._client.search(["UID", _listed(batch)])
        except IMAP4.abort:
            raise
        except IMAP4.error:
            return batch
        return found

    def _mark_read(self, batch: Sequence[int]) -> Mapping[int, str]:
        self._client.add_flags(batch, [SEEN], silent=True)
        return {}

    def _delete(self, batch: Sequence[int]) -> Mapping[int, str]:
        """Flag and expunge; without UIDPLUS only when that removes nobody else's messages as well."""
        self._client.add_flags(batch, [DELETED], silent=True)
        if self._offers("UIDPLUS"):
            self._client.uid_expunge(batch)
        elif not self._client.search(["DELETED", "NOT", "UID", _listed(batch)]):
            self._client.expunge()
        return {}

    def _move_making(self, batch: Sequence[int], folder: str) -> Mapping[int, str]:
        try:
            return self._move(batch, folder)
        except IMAP4.abort:
            raise
        except IMAP4.error as error:
            if folder in self._made or ("TRYCREATE" not in str(error) and exists(self._client, folder)):
                raise
        self._made.add(folder)
        make(self._client, folder)
        return self._move(batch, folder)

    def _move(self, batch: Sequence[int], folder: str) -> Mapping[int, str]:
        self._client.pop("COPYUID")  # answers pile up in imaplib; an old one must not be taken for ours
        if self._offers("MOVE"):
            self._client.move(batch, folder)
            return copied(self._client.pop("COPYUID"), batch)
        return self._copy_and_delete(batch, folder)

    def _copy_and_delete(self, batch: Sequence[int], folder: str) -> Mapping[int, str]:
        """Copy what was not copied by an earlier try, which has flagged it as deleted."""
        pending = self._client.search(["UID", _listed(batch), "UNDELETED"])
        if pending:
            self._client.copy(pending, folder)
        new_keys = copied(self._client.pop("COPYUID"), batch)
        self._delete(batch)
        return new_keys


def copied(answers: Sequence[bytes], batch: Sequence[int]) -> dict[int, str]:
    """Return the new keys out of COPYUID answers (RFC 4315), for the messages of ``batch`` only."""
    ours, found = set(batch), dict[int, str]()
    for match in filter(None, map(_COPYUID.match, answers)):
        old, new = _numbers(match[2], len(ours)), _numbers(match[3], len(ours))
        found |= {uid: f"{int(match[1])}/{after}" for uid, after in zip(old, new, strict=False) if uid in ours}
    return found


def _numbers(message_set: bytes, most: int) -> Iterator[int]:
    """Yield the numbers of ``3:5,9``, at most ``most``: a server may claim billions."""
    for part in message_set.split(b","):
        first, _, last = part.partition(b":")
        if first.isdigit() and (last or first).isdigit():
            low, high = sorted((int(first), int(last or first)))
            yield from range(low, min(high, low + most) + 1)


def _listed(uids: Sequence[int]) -> str:
    return ",".join(map(str, uids))
