"""What lies after a place: first the label as a list, oldest message first, then the mailbox's history."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from mailport.errors import NotFound
from mailport_google.gmail import Gmail
from mailport_google.place import Place, unknown_cursor

__all__ = ["Entry", "Listing", "changes", "message_facts", "whole_label"]

PAGE = 500
"""The most that Gmail lists at once."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message, and the place to go on from behind it."""

    key: str
    place: Place


@dataclass(frozen=True, slots=True)
class Listing:
    """The messages after a place in order, and the place behind all of them."""

    entries: Sequence[Entry]
    end: Place


async def message_facts(gmail: Gmail, key: str) -> dict[str, Any] | None:
    """Return size, date and labels of a message, None if it is gone."""
    try:
        return await gmail.call(lambda users: users.messages().get(userId="me", id=key, format="minimal"), "read")
    except NotFound:
        return None


async def whole_label(gmail: Gmail, place: Place) -> Listing:
    """List a label. A place without history starts a list; one within a list goes on behind its message."""
    start = place if place.is_listing else await _start(gmail, place)
    oldest_first = (await _all_ids(gmail, place.label))[::-1]
    behind = await _behind(gmail, oldest_first, start) if start.after else 0
    entries = [Entry(key, start.passed(key)) for key in oldest_first[behind:]]
    return Listing(entries, Place(user=start.user, label=start.label, history=start.history))


async def _start(gmail: Gmail, place: Place) -> Place:
    return Place(user=place.user, label=place.label, history=await _history_id(gmail), is_listing=True)


async def _history_id(gmail: Gmail) -> str:
    """Return the mailbox's latest history id, or the newest message's where a server has no profile: it does as well."""
    with suppress(NotFound):
        profile = await gmail.call(lambda users: users.getProfile(userId="me"), "read")
        return str(profile["historyId"])
    newest = await gmail.call(lambda users: users.messages().list(userId="me", maxResults=1), "read")
    for message in newest.get("messages", ()):
        facts = await message_facts(gmail, str(message["id"])) or {}
        return str(facts.get("historyId", "1"))
    return "1"


async def _all_ids(gmail: Gmail, label: str) -> list[str]:
    """Return the ids of a label's messages, the newest first."""
    found: list[str] = []
    query = {"labelIds": [label], "includeSpamTrash": label in ("SPAM", "TRASH")}
    async for page in _pages(gmail, lambda users, more: users.messages().list(userId="me", maxResults=PAGE, **query, **more)):
        found += [str(message["id"]) for message in page.get("messages", ())]
    return list(dict.fromkeys(found))


async def _behind(gmail: Gmail, oldest_first: list[str], place: Place) -> int:
    """Return where the messages behind the place begin.

    Its message may have left the label meanwhile (it was moved after it was stored): then its date tells, and where that
    is not known everything comes again.
    """
    if place.after in oldest_first:
        return oldest_first.index(place.after) + 1
    if place.date is None:
        return 0
    low, high = 0, len(oldest_first)
    while low < high:
        middle = (low + high) // 2
        facts = await message_facts(gmail, oldest_first[middle])
        if facts is None:
            del oldest_first[middle]
            high -= 1
        elif int(facts.get("internalDate", 0)) < place.date:  # those of the same moment come again rather than never
            low = middle + 1
        else:
            high = middle
    return low


async def changes(gmail: Gmail, place: Place) -> Listing:
    """List what came into a label since a place. Raises ``NotFound`` (``read.cursor``) where the history was dropped."""
    entries: dict[str, Entry] = {}
    since = latest = place.history
    try:
        async for page in _history(gmail, place):
            latest = str(page.get("historyId", latest))
            for record in page.get("history", ()):
                start = Place(user=place.user, label=place.label, history=since)
                for key in _came(record, place.label):
                    entries.setdefault(key, Entry(key, start.passed(key)))
                since = str(record["id"])
    except NotFound as error:
        raise unknown_cursor() from error
    return Listing(_rest(list(entries.values()), place.after), Place(user=place.user, label=place.label, history=latest))


def _history(gmail: Gmail, place: Place) -> AsyncIterator[dict[str, Any]]:
    query = {"startHistoryId": place.history, "labelId": place.label, "historyTypes": ["messageAdded", "labelAdded"]}
    return _pages(gmail, lambda users, more: users.history().list(userId="me", maxResults=PAGE, **query, **more))


def _came(record: dict[str, Any], label: str) -> list[str]:
    """Return the messages that a history record brought into the label."""
    added = [change["message"] for change in record.get("messagesAdded", ())]
    added = [message for message in added if label in message.get("labelIds", (label,))]
    labelled = [change["message"] for change in record.get("labelsAdded", ()) if label in change.get("labelIds", ())]
    return [str(message["id"]) for message in (*added, *labelled)]


def _rest(entries: list[Entry], after: str) -> list[Entry]:
    at = next((position for position, entry in enumerate(entries) if entry.key == after), None)
    return entries if at is None else entries[at + 1 :]


async def _pages(gmail: Gmail, request: Callable[[Any, dict[str, str]], Any]) -> AsyncIterator[dict[str, Any]]:
    more: dict[str, str] = {}
    while True:
        page = await gmail.call(partial(_page_request, request, more), "read")
        yield page
        if not page.get("nextPageToken"):
            return
        more = {"pageToken": str(page["nextPageToken"])}


def _page_request(request: Callable[[Any, dict[str, str]], Any], more: dict[str, str], users: Any) -> Any:
    return request(users, more)
