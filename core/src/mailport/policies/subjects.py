"""Subjects: which to ignore, which say that a delivery failed, and which name a record (TAB-01, TAB-03, MAT-01, MAT-09)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailport.message import Message
from mailport.policies import Recogniser, Stage
from mailport.policies.subject_words import base_subject
from mailport.rules import RecognitionRules

__all__ = ["SubjectFinding", "SubjectId", "SubjectRecogniser", "fits", "ids_in"]

IGNORED = "Email with subject matching ignored list"  # TAB-02: hosts show it as Last Error, word for word
FAILURE = "Email with subject matching delivery failure list"


@dataclass(frozen=True, slots=True)
class SubjectId:
    """A record that a subject names: the mapped word, its record type, and what may be the record's id, best first."""

    word: str
    object_type: str
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubjectFinding:
    """What the subject tells. ``ignored`` and ``delivery_failure`` hold the entry of the list that fits, or nothing."""

    reason: str
    ignored: str = ""
    delivery_failure: str = ""
    ids: tuple[SubjectId, ...] = ()


class SubjectRecogniser(Recogniser):
    """Compares the subject with the lists of the tenant and looks for the words of its object-name mapping."""

    name = "subject"
    stage = Stage.GATE

    def recognise(self, message: Message, rules: RecognitionRules) -> SubjectFinding | None:
        """Return what the subject tells, or None."""
        ignored = fits(message.subject, rules.ignored_subjects)
        failure = fits(message.subject, rules.failure_subjects)
        ids = tuple(ids_in(message.subject, rules.object_words))
        named = f"the subject names {ids[0].word} {ids[0].candidates[0]}" if ids else ""
        reason = (ignored and IGNORED) or (failure and FAILURE) or named
        return SubjectFinding(reason, ignored, failure, ids) if reason else None


def fits(subject: str, entries: tuple[str, ...]) -> str:
    """Return the first entry that stands somewhere in ``subject``, or fits all of it where the entry has a ``*``."""
    whole = _folded(subject)
    return next((entry for entry in entries if _fits(whole, _folded(entry))), "")


def _fits(subject: str, entry: str) -> bool:
    if "*" not in entry:
        return bool(entry) and entry in subject
    pieces = entry.split("*")
    if not any(pieces):  # nothing but asterisks would throw every mail away
        return False
    first, *middle, last = pieces
    start, end = len(first), len(subject) - len(last)
    if start > end or not (subject.startswith(first) and subject.endswith(last)):
        return False
    for piece in middle:  # no regular expression: entries with many asterisks would make it slow
        at = subject.find(piece, start, end)
        if at < 0:
            return False
        start = at + len(piece)
    return True


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


# "Incident 4711", "Incident #4711", "Incident no. INC-4711", "Incident: 4711", "[Incident#4711]"
_BETWEEN = r"\s*(?:(?:nr|no|num|number|nummer|id)\b\.?\s*)?[#:№°\-\u2013]?\s*[#№]?\s*"
_ID = r"(?P<id>[A-Za-z]{0,10}[-_./]?\d[\w-]*(?:[./]\w+)*)"


def ids_in(subject: str, words: Mapping[str, str]) -> Iterator[SubjectId]:
    """Yield the ids that follow a mapped word, in the order of the subject; prefixes of replies do not hinder (MAT-09)."""
    base = base_subject(subject)
    found = sorted(
        ((match, word, object_type) for word, object_type in words.items() if word.strip() for match in _matches(word, base)),
        key=lambda one: one[0].start(),
    )
    end = 0
    for match, word, object_type in found:
        if match.start() >= end:  # "Incident INC-4711" is one id, though INC may be a word as well
            yield SubjectId(word, object_type, _candidates(match))
            end = match.end()


def _matches(word: str, subject: str) -> Iterator[re.Match[str]]:
    spaced = r"\s+".join(re.escape(piece) for piece in unicodedata.normalize("NFC", word).split())
    return re.finditer(rf"(?<!\w){spaced}(?![^\W\d_]){_BETWEEN}{_ID}", subject, re.IGNORECASE)


def _candidates(match: re.Match[str]) -> tuple[str, ...]:
    """Where word and id are written together the word may be part of it: INC4711 is both "INC4711" and "4711"."""
    number, whole = match["id"].rstrip("-"), match.group().rstrip("-")
    return (whole, number) if re.fullmatch(r"[\w-]+", whole) else (number,)
