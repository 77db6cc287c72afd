"""Which record a mail concerns: by our conversation id, by an id in the subject, by the mails it answers, by outside numbers.

What the journal knows (``Earlier``) was read before; here only records are looked up (MAT-01 to MAT-11, PLS-09).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailport.policies.clues import Clue, ClueKind, clues
from mailport.policies.threads import Conversation
from mailport_workspace.intake.content import storable
from mailport_workspace.processing.case import Case
from mailport_workspace.records.interface import RecordRef, RecordView, RecordWork
from mailport_workspace.tables import StepState
from mailport_workspace.tenants.handling import Handling, Processor

__all__ = ["answered_ids", "conversation_spellings", "find_record", "number_tokens", "own_type"]

_ALWAYS_HONOURED = {
    "incident": frozenset({"incident", "task", "approval", "service_request"}),
    "problem": frozenset({"problem", "task", "approval"}),
}
_TOKEN = re.compile(r"[\w#][\w#./:-]{0,60}")
_MOST_TOKENS = 40


def own_type(handling: Handling) -> str:
    """Return the type of record that an inbox makes."""
    return handling.record_type if handling.processor is Processor.OTHER else str(handling.processor)


async def find_record(work: RecordWork, case: Case) -> RecordView | None:
    """Return the record that a mail concerns, and note by what it was found."""
    for clue in clues(case.findings):
        found = await _named_by(work, case, clue)
        if found is not None:
            case.note("match", f"{found.type} {found.number}: {clue.reason}")
            return found
    for ref, reason in ((case.earlier.answered, "answers a mail of it"), (case.earlier.outside, "its outside number")):
        found = await work.get(ref.type, ref.id) if ref else None
        if found is not None:
            case.note("match", f"{found.type} {found.number}: {reason}")
            return found
    case.note("match", "no record", state=StepState.SKIPPED, code="match.none")
    return None


async def _named_by(work: RecordWork, case: Case, clue: Clue) -> RecordView | None:
    if clue.kind is ClueKind.CONVERSATION:
        return await _of_conversation(work, case.earlier.conversation, clue.reference)
    if clue.kind is ClueKind.SUBJECT:
        return await _named_in_subject(work, case, clue)
    return None  # the mails that are answered come at last, also behind an id that names nothing


async def _of_conversation(work: RecordWork, ref: RecordRef | None, reference: str) -> RecordView | None:
    """Believe the journal first; the reference in the id is signed, and names the record where the journal is purged."""
    found = await work.get(ref.type, ref.id) if ref else None
    if found is not None or not reference:
        return found
    for kind in await work.kinds():
        found = await work.find(kind, reference)
        if found is not None:
            return found
    return None


async def _named_in_subject(work: RecordWork, case: Case, clue: Clue) -> RecordView | None:
    if not _is_honoured(case, clue.object_type):
        case.note("match", f"{clue.reason}: not honoured here", state=StepState.SKIPPED, code="match.other_type")
        return None
    is_own = case.handling.processor is Processor.OTHER and clue.object_type == case.handling.record_type
    for candidate in clue.candidates:
        found = await work.find(clue.object_type, candidate, by=case.handling.unique_key if is_own else "number")
        if found is not None:
            return found
    return None


def _is_honoured(case: Case, object_type: str) -> bool:
    own = own_type(case.handling)
    return case.options.all_mapped_objects or object_type in _ALWAYS_HONOURED.get(own, {own})


def conversation_spellings(findings: object) -> tuple[str, ...]:
    """Return how an id of ours may stand in the journal: gateways change the case of the reference before it."""
    if not isinstance(findings, Conversation) or not findings.id:
        return ()
    token = findings.id.rpartition("-")[2]
    head = findings.reference
    return tuple(dict.fromkeys(f"{one}-{token}" if one else token for one in (head, head.upper(), head.lower())))


def answered_ids(finding: object) -> tuple[str, ...]:
    """Return the Message-IDs of the mails that are answered, the nearest first."""
    return tuple(map(storable, finding.message_ids)) if isinstance(finding, Conversation) else ()


def number_tokens(subject: str) -> tuple[str, ...]:
    """Return what may be the number of another system in a subject, folded: words with a digit, marks off and on."""
    return tuple(dict.fromkeys(_tokens(subject)))[:_MOST_TOKENS]


def _tokens(subject: str) -> Iterator[str]:
    for token in _TOKEN.findall(subject):
        for form in (token, token.strip("#.:/-")):
            if any(letter.isdigit() for letter in form):
                yield form.lower()
