"""Keyword replies: the first word of the text is a decision, the second line its reason (TAB-06 to TAB-08)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mailport.message import Message
from mailport.policies import Recogniser, Stage
from mailport.policies.bodytext import body_text
from mailport.policies.quoting import split_quoted
from mailport.rules import RecognitionRules

__all__ = ["KeywordRecogniser", "KeywordReply", "first_word", "second_line", "vote"]

_INVISIBLE = re.compile("[\ufeff\u200b-\u200f\u2060\u00ad]")  # iOS and Outlook put some of them first
_WORD = re.compile(r"[^\w>|]{0,10}([^\W_]+(?:[-'\u2019][^\W_]+)*)", re.UNICODE)


@dataclass(frozen=True, slots=True)
class KeywordReply:
    """The keyword that a reply begins with, and what the tables make of it.

    ``status`` is that of the task table, ``approval`` that of the approval table; each is empty where the word is not in it.
    ``comment`` is the second line.
    """

    keyword: str
    status: str
    approval: str
    comment: str
    reason: str


class KeywordRecogniser(Recogniser):
    """Compares the first word of the text with the keyword tables, without regard to case."""

    name = "keyword"
    stage = Stage.CONTENT

    def recognise(self, message: Message, rules: RecognitionRules) -> KeywordReply | None:
        """Return the keyword, or None: the reply then changes no status (TAB-11)."""
        text = split_quoted(body_text(message)).typed
        word = first_word(text)
        status, approval = _look_up(word, rules.status_keywords), _look_up(word, rules.approval_keywords)
        if not (status or approval):
            return None
        return KeywordReply(word, status, approval, second_line(text), f"the text begins with “{word}”")


def vote(reply: KeywordReply, message: Message, approver: str) -> str:
    """Return the approval that ``reply`` gives, or an empty text: only the approver's own mail counts (TAB-09).

    Whether the From address may be believed is for the host's mail system to say (DMARC).
    """
    sender = message.sender.mailbox.casefold() if message.sender else ""
    return reply.approval if sender == approver.casefold() else ""


def first_word(text: str) -> str:
    """Return the first word, without the punctuation around it; quoted text has none."""
    lines = _lines(text)
    match = _WORD.match(lines[0]) if lines else None
    return match.group(1) if match else ""


def second_line(text: str) -> str:
    """Return the second line that has text: mail programs put empty lines between paragraphs."""
    return next(iter(_lines(text)[1:]), "")


def _lines(text: str) -> list[str]:
    return [line.strip() for line in _INVISIBLE.sub("", text).splitlines() if line.strip()]


def _look_up(word: str, table: Mapping[str, str]) -> str:
    return next((value for keyword, value in table.items() if word and keyword.strip().casefold() == word.casefold()), "")
