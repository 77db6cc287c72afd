"""Which record a mail concerns, from what the recognisers found, in the order in which a host believes it (MAT-11)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mailport.policies.subjects import SubjectFinding
from mailport.policies.threads import Conversation

__all__ = ["Clue", "ClueKind", "clues"]


class ClueKind(StrEnum):
    """What a clue names."""

    CONVERSATION = "conversation"
    """A conversation id that we issued."""
    SUBJECT = "subject"
    """What may be the id of a record of type ``object_type``, best first."""
    ANSWERED = "answered"
    """Message-IDs of the mails that this one answers, the nearest first."""


@dataclass(frozen=True, slots=True)
class Clue:
    """One thing that may name the record. ``reference`` is the record's own, where our id holds it."""

    kind: ClueKind
    candidates: tuple[str, ...]
    reason: str
    object_type: str = ""
    reference: str = ""


def clues(findings: Mapping[str, object]) -> tuple[Clue, ...]:
    """Return the clues among the findings of ``Mailport.recognise``, the first to be believed first.

    A conversation id wins over ids in the subject; the mails that are answered count only where there is neither.
    """
    conversation, subject = findings.get("conversation"), findings.get("subject")
    thread = conversation if isinstance(conversation, Conversation) else None
    named = (*_issued(thread), *(_in_subject(subject) if isinstance(subject, SubjectFinding) else ()))
    return named or tuple(_answered(thread))


def _issued(thread: Conversation | None) -> Iterator[Clue]:
    if thread and thread.id:
        yield Clue(ClueKind.CONVERSATION, (thread.id,), thread.reason, reference=thread.reference)


def _in_subject(subject: SubjectFinding) -> Iterator[Clue]:
    for one in subject.ids:
        yield Clue(ClueKind.SUBJECT, one.candidates, f"the subject names {one.word} {one.candidates[0]}", one.object_type)


def _answered(thread: Conversation | None) -> Iterator[Clue]:
    if thread and thread.message_ids:
        yield Clue(ClueKind.ANSWERED, thread.message_ids, f"answers {thread.message_ids[0]}")
