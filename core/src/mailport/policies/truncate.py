"""Truncate Body: the stored text ends before the first of the tenant's texts (TAB-05)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mailport.message import Message
from mailport.policies import Recogniser, Stage
from mailport.policies.bodytext import body_text
from mailport.rules import RecognitionRules

__all__ = ["TruncateRecogniser", "TruncatedBody", "truncate"]


@dataclass(frozen=True, slots=True)
class TruncatedBody:
    """The text to store, and where it was cut; the message keeps all of it."""

    text: str
    reason: str


class TruncateRecogniser(Recogniser):
    """Finds the first of the truncation texts in the body."""

    name = "truncated_body"
    stage = Stage.CONTENT

    def recognise(self, message: Message, rules: RecognitionRules) -> TruncatedBody | None:
        """Return the shortened text, or None where none of the texts stands in the body."""
        return truncate(body_text(message), rules.truncate_at) if rules.truncate_at else None


def truncate(text: str, at: Iterable[str]) -> TruncatedBody | None:
    """Return ``text`` up to the first place at which one of ``at`` stands, however its spaces and line ends look there."""
    found = [(match.start(), entry) for entry in at if entry.strip() and (match := _pattern(entry).search(text))]
    if not found:
        return None
    end, entry = min(found)
    return TruncatedBody(text[:end].rstrip(), f"cut at “{entry.strip()}”")


def _pattern(entry: str) -> re.Pattern[str]:
    # Clients wrap long lines and quote them, so that a text of several words may be spread over lines.
    return re.compile(r"(?:\s+(?:>\s?)*)".join(re.escape(word) for word in entry.split()), re.IGNORECASE)
