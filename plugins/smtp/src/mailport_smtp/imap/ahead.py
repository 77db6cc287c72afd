"""Small messages come together: whoever reads one mostly reads the next, and the round trips would cost more than they do."""

from __future__ import annotations

from collections.abc import Sequence
from imaplib import IMAP4

from mailport_smtp.imap.listing import Facts
from mailport_smtp.imap.wire import Client

__all__ = ["SMALL", "ReadAhead", "is_small"]

SMALL = 64 * 1024
"""Bytes up to which a message is small."""
_TOGETHER = 1024 * 1024
_MOST = 50


class ReadAhead:
    """What was read ahead, about one megabyte; every message is handed out once, and then asked for again."""

    def __init__(self) -> None:
        self._ready: dict[int, bytes] = {}
        self._works = True

    def take(self, client: Client, batch: Sequence[Facts], index: int) -> bytes | None:
        """Return the small message at ``index``, and have the small ones behind it ready; None: ask for it alone.

        Blocks: runs in the connection's thread.
        """
        uid = batch[index].uid
        if uid not in self._ready and self._works:
            self._ready = self._read(client, _together(batch[index:]))
        return self._ready.pop(uid, None)

    def _read(self, client: Client, uids: Sequence[int]) -> dict[int, bytes]:
        try:
            answers = client.fetch(uids, [f"BODY.PEEK[]<0.{SMALL + 1}>"])
        except IMAP4.abort:
            raise
        except IMAP4.error:  # one bad message may spoil the command: from now on each is asked for alone
            self._works = False
            return {}
        found = {uid: value for uid, answer in answers.items() for name, value in answer.items() if name.startswith(b"BODY[]")}
        # One that is as long as was asked for may go on, whatever its size was said to be.
        return {uid: value for uid, value in found.items() if isinstance(value, bytes) and 0 < len(value) <= SMALL}


def is_small(each: Facts) -> bool:
    """Whether a message may come together with others."""
    return each.size is not None and each.size <= SMALL


def _together(batch: Sequence[Facts]) -> list[int]:
    """Return the first message and the small ones among those behind it, as far as they fit."""
    uids: list[int] = []
    left = _TOGETHER
    for each in filter(is_small, batch[:_MOST]):
        left -= each.size or 0
        if left < 0:
            break
        uids.append(each.uid)
    return uids
