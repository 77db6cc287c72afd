"""Which way a message takes: each carries something that the others lose, so the choice goes by size and need.

MIME    one request, the bytes as they are; up to 2.2 MB; always leaves a copy in Sent Items
JSON    one request, rebuilt from its parts; up to 3 MB; the only way without a copy
REPLY   a draft that Exchange makes from the original, so that the thread goes on; uploads; up to 150 MB a file
DRAFT   a draft of its own; uploads; cannot name what it answers
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from mailport.errors import UnsupportedFeature
from mailport.message import Message
from mailport_graph.fields import GraphOutgoing
from mailport_graph.texts import Loss
from mailport_graph.wire import carried_headers

__all__ = ["Path", "Plan", "choose"]

_JSON_LIMIT = 3_000_000  # bytes of texts and base64 in one request, of 4 MB that are documented for the whole
FILE_LIMIT = 150 * 1024 * 1024
"""The largest file of an upload session (https://learn.microsoft.com/graph/outlook-large-attachments)."""

_WORDS: dict[Loss, str] = {
    "plain_text": "the plain text beside the HTML",
    "threading": "the headers that keep the thread together",
    "headers": "a header that Microsoft Graph does not take",
    "original": "the exact bytes of the original",
    "sent_copy": "sending without a copy in Sent Items",
}


class Path(StrEnum):
    """The ways of a message."""

    MIME = "mime"
    JSON = "json"
    REPLY = "reply"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class Plan:
    """A way, and what a message loses on it."""

    path: Path
    losses: frozenset[Loss]

    @property
    def notes(self) -> tuple[str, ...]:
        """The losses in words, for the receipt."""
        return tuple(f"Microsoft Graph could not carry {_WORDS[loss]}." for loss in sorted(self.losses))


def choose(message: Message, settings: GraphOutgoing, *, fits_mime: bool, has_original: bool = True) -> Plan:
    """Return the first way on which the account accepts every loss.

    ``fits_mime`` says that the MIME is small enough; ``has_original`` that the message answered may be in the mailbox.
    Raises ``UnsupportedFeature`` that names the losses where there is no such way.
    """
    accepted = {name.strip() for name in settings.accepted_losses.split(",")}
    lacking: list[frozenset[Loss]] = []
    for plan in _plans(message, settings, fits_mime=fits_mime, has_original=has_original):
        if plan.losses <= accepted:
            return plan
        lacking.append(plan.losses - accepted)
    raise _unacceptable(lacking) if lacking else _too_large()


def _plans(message: Message, settings: GraphOutgoing, *, fits_mime: bool, has_original: bool) -> Iterator[Plan]:
    """Yield the ways in the order of preference; a message is taken apart only for those after the first."""
    copy: frozenset[Loss] = frozenset() if settings.save_to_sent_items else frozenset({"sent_copy"})
    if fits_mime:
        yield Plan(Path.MIME, copy)
    thread: frozenset[Loss] = frozenset({"threading"}) if _is_reply(message) else frozenset()
    rebuilt = _rebuilt(message)
    if copy and _json_size(message) <= _JSON_LIMIT:
        yield Plan(Path.JSON, rebuilt | thread)
    if _fits_draft(message):
        if thread and has_original:
            yield Plan(Path.REPLY, rebuilt | copy)
        yield Plan(Path.DRAFT, rebuilt | thread | copy)


def _is_reply(message: Message) -> bool:
    return bool(message.in_reply_to or message.references)


def _rebuilt(message: Message) -> frozenset[Loss]:
    """Return what is lost when Exchange builds the message from its parts."""
    found: set[Loss] = set()
    if message.text and message.html:
        found.add("plain_text")
    if message.original is not None:
        found.add("original")
    elif carried_headers(message)[1]:
        found.add("headers")
    return frozenset(found)


def _json_size(message: Message) -> int:
    texts = len((message.html or message.text).encode())
    return texts + sum(len(file.content) * 4 // 3 + 500 for file in message.attachments)


def _fits_draft(message: Message) -> bool:
    texts = len((message.html or message.text).encode())
    return texts <= _JSON_LIMIT and all(len(file.content) <= FILE_LIMIT for file in message.attachments)


def _too_large() -> UnsupportedFeature:
    return UnsupportedFeature(
        "The message is too large for Microsoft Graph.",
        code="send.too_large",
        remedy="Files may have 150 MB, texts 3 MB: send a link instead.",
    )


def _unacceptable(choices: list[frozenset[Loss]]) -> UnsupportedFeature:
    """Return the error that names the least loss; keeping no copy is a wish of its own, given up last."""
    by_weight = sorted(dict.fromkeys(choices), key=lambda losses: (len(losses), "sent_copy" in losses))
    first, *others = (sorted(losses) for losses in by_weight)
    instead = "".join(f"; or instead {', '.join(names)}" for names in others if len(names) == len(first))
    return UnsupportedFeature(
        f"Microsoft Graph cannot carry {' and '.join(_WORDS[name] for name in first)} for this message.",
        code=f"send.{first[0]}",
        field="accepted_losses",
        remedy=f"Make the message smaller, or accept the loss: add {', '.join(first)} to Accepted Losses{instead}.",
    )
