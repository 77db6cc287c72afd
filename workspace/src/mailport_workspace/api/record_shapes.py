"""How records, their types, their history and the people who write are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from mailport_workspace.api.mail_shapes import Shown
from mailport_workspace.records.definitions import TypeView
from mailport_workspace.records.desk import Listed, RecordPage
from mailport_workspace.records.interface import RecordView
from mailport_workspace.records.types import FieldKind
from mailport_workspace.tables import ActivityKind

__all__ = ["ActivityShown", "OutsideNumberShown", "PersonShown", "RecordDetails", "RecordListed", "RecordShown", "TypeShown"]


class FieldShown(Shown):
    """A field of a type of record."""

    name: str
    label: str
    kind: FieldKind
    mandatory: bool
    default: str
    choices: tuple[str, ...]


class TypeShown(Shown):
    """A type of record; a built-in one cannot be removed, only extended."""

    name: str
    label: str
    prefix: str
    fields: tuple[FieldShown, ...]
    states: tuple[str, ...]
    initial_state: str
    final_states: tuple[str, ...]
    creatable: bool = Field(description="Whether mail may create one.")
    title_field: str
    assignee_field: str
    approver_field: str
    is_built_in: bool = False
    is_changed: bool = False

    @classmethod
    def of(cls, view: TypeView) -> Self:
        """Return what is shown of a type."""
        facts = {"is_built_in": view.is_built_in, "is_changed": view.is_changed}
        return cls.model_validate(view.definition).model_copy(update=facts)


class RecordShown(Shown):
    """A record; ``person`` is the id of whom it is linked to, ``is_final`` says that its state is an end."""

    type: str
    id: str
    number: str
    state: str
    title: str
    fields: dict[str, Any]
    is_final: bool
    person: str | None

    @classmethod
    def of(cls, view: RecordView) -> Self:
        """Return what is shown of a record."""
        return cls.model_validate(view)


class RecordListed(RecordShown):
    """A record in a list."""

    created_at: datetime
    updated_at: datetime

    @classmethod
    def listed(cls, listed: Listed) -> Self:
        """Return what a list shows of a record."""
        shown = RecordShown.of(listed.record).model_dump()
        return cls(**shown, created_at=listed.created_at, updated_at=listed.updated_at)


class ActivityShown(Shown):
    """One entry of a history: ``changes`` are [old, new] by field, ``journal_id`` leads to the mail it tells of."""

    id: str
    record_id: str
    kind: ActivityKind
    at: datetime
    author: str
    text: str
    changes: dict[str, Any]
    journal_id: str | None
    person_id: str | None


class RecordFile(Shown):
    """A file of a record."""

    id: str
    activity_id: str | None
    filename: str
    content_type: str
    content_id: str
    size: int


class OutsideNumberShown(Shown):
    """The number that another system gave to a record."""

    id: str
    number: str
    system: str


class PersonShown(Shown):
    """Somebody who writes to the tenant."""

    id: str
    email: str
    name: str
    active: bool


class RecordDetails(RecordListed):
    """A record with its history, its files and who it is linked to; ``parts`` are the records below it."""

    history: list[ActivityShown]
    files: list[RecordFile]
    outside_numbers: list[OutsideNumberShown]
    linked_person: PersonShown | None
    parts: list[RecordShown]

    @classmethod
    def told(cls, page: RecordPage) -> Self:
        """Return all that is shown of a record."""
        return cls(
            **RecordListed.listed(page).model_dump(),
            history=[ActivityShown.model_validate(entry) for entry in page.history],
            files=[RecordFile.model_validate(file) for file in page.files],
            outside_numbers=[OutsideNumberShown.model_validate(number) for number in page.outside_numbers],
            linked_person=PersonShown.model_validate(page.person) if page.person else None,
            parts=[RecordShown.of(part) for part in page.parts],
        )


class Template(BaseModel):
    """A text that people fill in and send to an inbox (TPL-09)."""

    text: str
