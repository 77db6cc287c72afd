"""Which messages came after a place in an IMAP folder, what is known of them, and their bytes piece by piece.

All functions block: they run in the connection's thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mailport.errors import MailportError, NotFound, TransportError
from mailport_smtp.imap.folders import Status
from mailport_smtp.imap.wire import Client

__all__ = ["CHUNK", "YIELDED", "Facts", "facts", "piece", "uids_after"]

WINDOW = 50_000
"""Messages that one SEARCH may find: imaplib refuses lines above 1,000,000 bytes, and a UID takes up to eleven."""

CHUNK = 1024 * 1024
"""Bytes that are asked for at a time: two or three such pieces are in memory at once, and each costs a round trip."""
YIELDED = 256 * 1024
"""Bytes that are given on at a time: whatever a host does with them must not hold its event loop for long."""

_FACTS = ("UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE")  # never ENVELOPE or BODYSTRUCTURE: Domino garbles them


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a message without reading it."""

    uid: int
    size: int | None
    received_at: datetime | None
    flags: frozenset[str]


def uids_after(client: Client, status: Status, last: int) -> Iterator[list[int]]:
    """Yield the UIDs above ``last`` in ascending order, a batch for each SEARCH.

    A folder that may have more news than fits into one answer is searched in windows of sequence numbers. Every EXPUNGE
    that is reported meanwhile moves the messages behind it one number down, and an answer that came with it may count
    either way: so that much earlier is asked again.
    """
    window = _window(client)
    most = status.exists if status.uid_next is None else min(status.exists, status.uid_next - last - 1)
    if most <= window:
        yield _search(client, last)
        return
    client.pop("EXPUNGE")
    first = 1
    while first <= status.exists:
        found = _search(client, last, f"{first}:{first + window - 1}")
        if moved := len(client.pop("EXPUNGE")):
            first = max(1, first - moved)
            continue
        yield found
        last = found[-1] if found else last
        first += window


def _window(client: Client) -> int:
    """Return the most that one SEARCH may find; Yahoo stops after MESSAGELIMIT messages (RFC 9738)."""
    limits = [name[13:] for name in client.capabilities() if name.startswith(b"MESSAGELIMIT=")]
    return min([WINDOW, *(int(limit) for limit in limits if limit.isdigit() and int(limit) > 0)])


def _search(client: Client, last: int, *window: str) -> list[int]:
    found = client.search([*window, "UID", f"{last + 1}:*"])
    return sorted({uid for uid in found if uid > last})  # n:* finds the last message even when it lies below n


def facts(client: Client, uids: Sequence[int]) -> list[Facts]:
    """Return what is known of the messages; those that are gone meanwhile are left out."""
    answers = client.fetch(uids, _FACTS)
    return [_facts(uid, answers[uid]) for uid in uids if uid in answers]


def _facts(uid: int, answer: dict[bytes, Any]) -> Facts:
    size, date = answer.get(b"RFC822.SIZE"), answer.get(b"INTERNALDATE")
    return Facts(
        uid=uid,
        size=size if isinstance(size, int) else None,
        received_at=date.astimezone(UTC) if isinstance(date, datetime) else None,
        flags=frozenset(str(flag, "ascii", "replace") for flag in answer.get(b"FLAGS") or () if isinstance(flag, bytes)),
    )


def piece(client: Client, uid: int, offset: int) -> bytes:
    """Return up to ``CHUNK`` bytes of a message from ``offset`` on, without marking it as read.

    A shorter piece is the last one; RFC822.SIZE says nothing, Exchange and Domino get it wrong. Raises ``NotFound`` for a
    message that is gone, and ``TransportError`` (``read.withheld``) for one that the server has and does not hand out.
    """
    answer = client.fetch([uid], [f"BODY.PEEK[]<{offset}.{CHUNK}>"]).get(uid, {})
    found = next((value for name, value in answer.items() if name.startswith(b"BODY[]")), None)
    if isinstance(found, bytes):
        return found
    if offset and answer:
        return b""  # NIL behind the end
    raise _no_data(client, uid)


def _no_data(client: Client, uid: int) -> MailportError:
    """Exchange answers OK without data for a message that it cannot convert; so does everybody for one that is gone."""
    if client.search(["UID", str(uid)]):
        return TransportError(
            "The server lists the message and does not hand it out.",
            code="read.withheld",
            remedy="Open it in a mail program and move it away, or have the server's administrator repair it.",
        )
    return NotFound("The message is gone.", code="read.gone")
