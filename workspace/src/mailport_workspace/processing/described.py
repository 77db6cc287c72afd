"""Records that a mail describes, one or many: each is found by its unique key and changed, or made; none stops the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from mailport.errors import ConfigurationError
from mailport_workspace.intake.content import storable
from mailport_workspace.intake.verdict import Verdict
from mailport_workspace.processing.case import Case
from mailport_workspace.processing.continuing import may_change
from mailport_workspace.processing.creating import create_one, with_what_fits
from mailport_workspace.records.interface import RecordKind, RecordView, RecordWork
from mailport_workspace.tables import Outcome, StepState

__all__ = ["MOST_RECORDS", "Batch", "Described", "found_by_key"]

MOST_RECORDS = 100
"""Records that one mail makes or changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One record: its number within the mail, its type, its fields by name, and by which field and value it may be there.

    ``added`` are fields that a new one gets as well.
    """

    number: int
    kind: RecordKind
    fields: Mapping[str, str]
    key: str
    value: str
    added: Mapping[str, str]


class Batch:
    """What becomes of the records that one mail describes."""

    def __init__(self, work: RecordWork, case: Case, *, asks_who: bool) -> None:
        """Begin with none; ``asks_who`` says that only who takes part in a record may change it (MAT-12)."""
        self.created: list[RecordView] = []
        self.updated: list[RecordView] = []
        self.refused: list[str] = []
        self._work = work
        self._case = case
        self._asks_who = asks_who

    async def put(self, described: Described) -> None:
        """Make or change one record; what prevents it is noted (TPL-04)."""
        there = await found_by_key(self._work, described)
        if there is None:
            await self._create(described)
        elif there.is_final or (self._asks_who and not may_change(self._case, there, described.kind)):
            said = "it has ended" if there.is_final else "the sender may not change it"
            self.refuse("record.ended" if there.is_final else "record.sender", f"{there.type} {there.number}: {said}")
        else:
            await self._change(described, there)

    def refuse(self, code: str, said: str) -> None:
        """Note what was not made."""
        self.refused.append(said)
        self._case.note("record", said, state=StepState.FAILED, code=code)

    async def verdict(self, outcome: Outcome) -> Verdict:
        """Put the mail into the history of all; its files into that of the first, or each would keep a copy of them."""
        records = [*self.created, *self.updated]
        for number, record in enumerate(records):
            mail = self._case.attached(with_files=number == 0)
            await self._work.attach(record, mail, person=self._case.person)
        refused = "; ".join(self.refused)
        if refused and not records:
            return self._case.quarantined("record", "record.refused", refused)
        return self._case.verdict(outcome, record=records[0] if records else None, last_error=storable(refused))

    async def _create(self, described: Described) -> None:
        title = "" if described.kind.title_field else self._case.subject
        fields, key = {**described.added, **described.fields}, f"{self._case.key}.{described.number}"
        made = await create_one(self._work, self._case, described.kind.name, fields, key=key, title=title)
        if isinstance(made, ConfigurationError):
            self.refuse(made.code, f"record {described.number}: {made}")
            return
        self._case.note("record", f"{made.type} {made.number} was created")
        self.created.append(made)

    async def _change(self, described: Described, there: RecordView) -> None:
        key = f"{self._case.key}.update.{described.number}"
        change = partial(self._work.update, there, key=key, author=self._case.sender_mailbox)
        after = await with_what_fits(self._case, described.fields, change)
        if isinstance(after, ConfigurationError):
            self.refuse(after.code, f"record {described.number}: {after}")
            return
        self._case.note("record", f"{after.type} {after.number} was changed")
        self.updated.append(after)


async def found_by_key(work: RecordWork, described: Described) -> RecordView | None:
    """Return the record that is there under the unique key (MAT-06, XML-02)."""
    if not described.value:
        return None
    return await work.find(described.kind.name, described.value, by=described.key)
