"""Quoted history in plain text: where it begins, in the words of the mail programs that people use.

Every rule looks at single lines, or at a few joined ones: the time grows with the length of the text and no faster.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailport.policies.wording import pattern

__all__ = ["Split", "is_dated", "split_quoted"]


@dataclass(frozen=True, slots=True)
class Split:
    """What was typed, and what was quoted; each keeps its order."""

    typed: str
    quoted: str


def split_quoted(text: str) -> Split:
    """Separate what was typed from quoted lines and from the history below an attribution or a quoted header.

    Answers above, below and between quoted lines are all kept: where the quoted lines are marked by ``>``, only they go.
    """
    lines = [line.replace("\ufeff", "") for line in text[:_READ].replace("\r\n", "\n").split("\n")]
    typed, quoted, at = list[str](), list[str](), 0
    while at < len(lines):
        if length := _attribution(lines, at):
            quoted += lines[at : at + length]
            at += length
            if not _is_quoted_next(lines, at):  # nothing marks the end of the history: it is everything below
                quoted += lines[at:]
                break
        elif _begins_history(lines, at):
            quoted += lines[at:]
            break
        else:
            (quoted if _QUOTED_LINE.match(lines[at]) or _is_torn_off(lines, at) else typed).append(lines[at])
            at += 1
    return Split("\n".join(typed).strip("\n"), ("\n".join(quoted) + text[_READ:]).strip("\n"))


_READ = 500_000  # characters; nobody types more, and what is beyond counts as history
_QUOTED_LINE = re.compile(r"\s{0,3}>")
_LONGEST = 400  # characters of an attribution; it has a name, an address and a date

# In several languages the verb stands before the name.
_WROTE = r"(?<!\w)<attribution>(?!\w)"
# How an attribution begins where it does not begin with a name.
_LEAD = r"\s*<attribution_start>[ .,\xa0].*\d"
_DATED = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|[^\s<>\"']@[\w-]+\.")
_ENDS_WITH_ADDRESS = re.compile(r"<[^<>@\s]+@[^<>@\s]+>\s*$")
_COLONS = (":", "\uff1a")  # the wide one of Chinese and Japanese

_WRAPPED_AT = 70


def _is_torn_off(lines: Sequence[str], at: int) -> bool:
    """Whether the line is the end of a quoted one that a program wrapped after it had marked it."""
    around = lines[max(at - 1, 0) : at], lines[at + 1 : at + 2]
    before, after = ("".join(pair) for pair in around)
    return len(before) >= _WRAPPED_AT and bool(lines[at].strip() and _QUOTED_LINE.match(before) and _QUOTED_LINE.match(after))


def is_dated(text: str) -> bool:
    """Whether a date with a year or an address stands in ``text``: programs that quote name one, people seldom do."""
    return bool(_DATED.search(text))


def _attribution(lines: Sequence[str], at: int) -> int:
    """Return how many lines the attribution takes that begins at ``at``, or 0; clients wrap it into up to three."""
    if not lines[at].strip() or _QUOTED_LINE.match(lines[at]):
        return 0
    joined = ""
    for length in (1, 2, 3):
        joined = f"{joined} {lines[at + length - 1].strip()}"[: _LONGEST + 1]
        if joined.rstrip(" \xa0").endswith(_COLONS):
            return length if _is_attribution(joined) else 0
        if not (_may_go_on(lines[at]) and _is_typed(lines, at + length)):
            return 0
    return 0


def _is_attribution(text: str) -> bool:
    return (
        len(text) <= _LONGEST and bool(pattern(_WROTE).search(text)) and is_dated(text) and text.count("<") >= text.count(">")
    )


def _may_go_on(first: str) -> bool:
    """Whether an attribution may go on in the next line: it begins like one, or ends with an address."""
    return bool(pattern(_LEAD).match(first)) or first.rstrip().endswith("<") or bool(_ENDS_WITH_ADDRESS.search(first[-400:]))


def _is_typed(lines: Sequence[str], at: int) -> bool:
    return at < len(lines) and bool(lines[at].strip()) and not _QUOTED_LINE.match(lines[at])


def _is_quoted_next(lines: Sequence[str], at: int) -> bool:
    while at < len(lines) and not lines[at].strip():
        at += 1
    return at < len(lines) and bool(_QUOTED_LINE.match(lines[at]))


# The header that Outlook, the web mailers and others put above the mail they quote.
_LABEL = (
    r"[ \t*|]*(?:(?P<from><label_from>)|(?P<sent><label_sent>)|(?P<to><label_to>)|(?P<subject><label_subject>))"
    r"\*?[ \xa0]?[:\uff1a]"
)
_DASH = r"[-\u2010]"  # Proton once used the typographic one
_DIVIDER = rf"\s*{_DASH}{{3,}}\s?<divider>\s?{_DASH}{{3,}}\s*$"
_APPLE_FORWARD = r"\s*<apple_forward>[ \xa0]?:\s*$"
_RULE = re.compile(r"\s*(?:_{10,}|-{5,}.{0,60}-{5,})\s*$")


def _begins_history(lines: Sequence[str], at: int) -> bool:
    line = lines[at].strip()
    if line[:1] in {"-", "_", "\u2010"}:
        return bool(pattern(_DIVIDER).match(line)) or _is_rule_above_header(lines, at)
    if ":" not in line[:40] and "\uff1a" not in line[:40]:  # most lines, and quickly
        return False
    return bool(pattern(_APPLE_FORWARD).match(line)) or _is_quoted_header(lines, at)


def _is_rule_above_header(lines: Sequence[str], at: int) -> bool:
    if not _RULE.match(lines[at][:200]):
        return False
    return any(_is_quoted_header(lines, below) for below in range(at + 1, min(at + 4, len(lines))))


def _is_quoted_header(lines: Sequence[str], at: int) -> bool:
    """Whether sender, date and one more line of a header begin here, one below the other."""
    if not pattern(_LABEL).match(lines[at]):
        return False
    kinds = set[str]()
    for line in lines[at : at + 8]:
        if not line.strip():
            break
        if label := pattern(_LABEL).match(line):
            kinds.add(str(label.lastgroup))
    return {"from", "sent"} <= kinds and len(kinds) > 2
