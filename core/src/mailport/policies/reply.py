"""Reply text: what a person wrote, without the quoted history and the signature."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from mailport.errors import UnsupportedFeature
from mailport.message import Message
from mailport.policies import Recogniser, Stage
from mailport.policies.bodytext import typed_html_to_text
from mailport.policies.quoting import is_dated, split_quoted
from mailport.policies.wording import pattern
from mailport.rules import RecognitionRules

__all__ = ["ReplyRecogniser", "ReplyText", "split_reply"]


@dataclass(frozen=True, slots=True)
class ReplyText:
    """What a person wrote, the signature below it, and the rest; the message keeps its full text.

    ``text`` is empty where somebody only passed a mail on.
    """

    text: str
    signature: str
    quoted: str
    reason: str


class ReplyRecogniser(Recogniser):
    """Separates the text of a reply from its history and signature; needs the extra ``mailport[reply]``."""

    name = "reply"
    stage = Stage.CONTENT

    def recognise(self, message: Message, rules: RecognitionRules) -> ReplyText | None:  # noqa: ARG002 - as in the contract
        """Return the parts, or None for a message without text."""
        if message.text.strip():
            return split_reply(message.text)
        return split_reply(typed_html_to_text(message.html)) if message.html.strip() else None


def split_reply(text: str) -> ReplyText:
    """Separate ``text`` by the conventions of English, German, French, Spanish, Italian, Dutch and Polish mail programs.

    Raises ``UnsupportedFeature`` without the extra ``mailport[reply]``.
    """
    split = split_quoted(text)
    lines = split.typed.split("\n")
    history = next(_histories(lines), len(lines))
    signature = next(_signatures(lines[:history]), history)  # of what stands above the history
    typed, signed = "\n".join(lines[:signature]).strip(), "\n".join(lines[signature:history]).strip()
    quoted = "\n".join(filter(None, ("\n".join(lines[history:]).strip("\n"), split.quoted)))
    found = [name for name, part in (("quoted text", quoted), ("a signature", signed)) if part]
    return ReplyText(typed, signed, quoted, f"without {' and '.join(found)}" if found else "all of it was written")


# The library's expressions take cubic time on long lines and on runs of empty ones, so they see neither: 200 lines of 200
# characters, those at the beginning for a history, those at the end for a signature.
_SEEN_LINES = 200
_SEEN_LENGTH = 200


@cache
def _library() -> Any:
    try:
        from mailparser_reply import EmailMessage  # noqa: PLC0415 - an extra, needed for replies
    except ImportError as error:
        raise UnsupportedFeature(
            "Separating a reply from its history needs a library.",
            code="recognition.reply_missing",
            remedy="Install mailport[reply].",
        ) from error
    with warnings.catch_warnings():  # 1.36 passes the flags of re.sub as its count, which Python 3.13 deprecates
        warnings.simplefilter("ignore", DeprecationWarning)
        # More languages would take words of these seven for their signatures: "Tak" is thanks in Danish and yes in Polish.
        return EmailMessage(text="", languages=["en", "de", "fr", "es", "it", "nl", "pl"], keep_hyphen_lists=True)


def _seen(lines: Sequence[str]) -> tuple[str, list[int]]:
    """Return the text that the library sees, and for each of its lines the index in ``lines``."""
    kept = [at for at, line in enumerate(lines) if line.strip() or (at and lines[at - 1].strip())][:_SEEN_LINES]
    return "\n".join(" ".join(lines[at].split())[:_SEEN_LENGTH] for at in kept), kept


def _matches(pattern: re.Pattern[str], lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the line at which each match begins, and the match; the next is looked for from the following line on."""
    seen, kept = _seen(lines)
    start = 0
    while match := pattern.search(seen, start):
        begin = match.start() + len(match.group()) - len(match.group().lstrip())
        yield kept[min(seen.count("\n", 0, begin), len(kept) - 1)], match.group().strip()
        start = seen.find("\n", begin) + 1
        if not start:
            return


def _histories(lines: Sequence[str]) -> Iterator[int]:
    """Yield where the library sees the header of a quoted mail; single labelled lines are people's own."""
    for at, header in _matches(_library().HEADER_REGEX, lines):
        if is_dated(header) and (header.endswith(":") or header.count("\n") > 1):
            yield at


# What the library lacks; a closing line holds it and nothing more than a name.
_LONGEST_SIGNATURE = 15
_CLOSING = r"<closing>(?!\w)"
_FOOTER = r"<footer>(?!\w)"


def _signatures(lines: Sequence[str]) -> Iterator[int]:
    """Yield, first the topmost, where a signature begins: its delimiter, a closing line, or a footer of the mail program."""
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    tail = max(len(lines) - _SEEN_LINES, first)
    by_library = {tail + at for at, _ in _matches(_library().SIGNATURE_REGEX, lines[tail:])}
    for at in range(tail, len(lines)):
        line = lines[at].strip()
        says_goodbye = at > first and _is_closing(line) and (at in by_library or bool(pattern(_CLOSING).match(line)))
        marked = line in {"--", "__"} or (bool(pattern(_FOOTER).match(line)) and not _is_sentence(line))
        if (says_goodbye or marked) and _is_short(lines, at + 1):
            yield at


def _is_closing(line: str) -> bool:
    """Whether a line says goodbye and no more: few words, after a comma only a name."""
    closing, _, name = line.partition(",")
    return len(line.split()) <= 6 and not line.endswith((".", "?", ":")) and (len(closing) < 50) and _is_name(name)


def _is_sentence(line: str) -> bool:
    return line.endswith((".", "?", "!")) and len(line.split()) > 6


def _is_name(text: str) -> bool:
    return all(word[:1].isupper() for word in text.split())


def _is_short(lines: Sequence[str], at: int) -> bool:
    """Whether what begins at ``at`` may be the rest of a signature: some lines, no sentence but those of lawyers."""
    filled = 0
    for line in (lines[index].strip() for index in range(at, len(lines))):
        if pattern("<disclaimer>").search(line):
            return True
        filled += bool(line)
        if filled > _LONGEST_SIGNATURE or _is_sentence(line):
            return False
    return True
