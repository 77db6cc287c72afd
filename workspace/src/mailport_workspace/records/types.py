"""The types of records, as data: those that are built in, and what a tenant adds to them or defines of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from mailport_workspace.records.interface import RecordKind

__all__ = ["BUILT_IN", "FieldDefinition", "FieldKind", "RecordDefinition", "extended", "kind_of"]

_MOST_FIELDS = 200


class FieldKind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    NUMBER = "number"
    YES_NO = "yes_no"
    DATE = "date"
    CHOICE = "choice"
    ADDRESS = "address"


def _word(value: object) -> object:
    return "_".join(value.strip().lower().replace("-", " ").split()) if isinstance(value, str) else value


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if len({value.casefold() for value in values}) != len(values):
        raise ValueError("each of them stands there once")
    return values


_Name = Annotated[str, BeforeValidator(_word), StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
_Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
_Words = Annotated[tuple[_Name, ...], AfterValidator(_distinct)]


class _Defined(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class FieldDefinition(_Defined):
    """A field of a record. ``choices`` are the values of a choice; ``default`` is what it has where none is given."""

    name: _Name
    label: _Label
    kind: FieldKind = FieldKind.TEXT
    mandatory: bool = False
    default: str = ""
    choices: Annotated[tuple[_Label, ...], AfterValidator(_distinct)] = ()

    @model_validator(mode="after")
    def _choices_of_a_choice(self) -> Self:
        if (self.kind is FieldKind.CHOICE) != bool(self.choices):
            raise ValueError("a choice has choices, and nothing else has")
        if self.choices and self.default and self.default not in self.choices:
            raise ValueError("the default is one of the choices")
        return self


class RecordDefinition(_Defined):
    """A type of record.

    Numbers are ``prefix`` and digits. ``creatable`` says whether mail may create one. ``title_field`` names the field that
    titles a record, ``assignee_field`` and ``approver_field`` those that hold whom it waits for; empty where there is none.
    """

    name: _Name
    label: _Label
    prefix: Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z][A-Za-z-]{0,9}$")]
    fields: Annotated[tuple[FieldDefinition, ...], Field(max_length=_MOST_FIELDS)] = ()
    states: _Words = ("new", "closed")
    initial_state: _Name = "new"
    final_states: _Words = ("closed",)
    creatable: bool = True
    title_field: str = ""
    assignee_field: str = ""
    approver_field: str = ""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        _distinct(tuple(field.name for field in self.fields))
        _distinct(tuple(field.label for field in self.fields))
        if not {self.initial_state, *self.final_states} <= set(self.states):
            raise ValueError("the initial and the final states are among the states")
        if not {self.title_field, self.assignee_field, self.approver_field} <= {"", *(field.name for field in self.fields)}:
            raise ValueError("title, assignee and approver are fields of the type")
        return self

    def field(self, name: str) -> FieldDefinition | None:
        """Return the field with that name or label, without regard to case."""
        folded = name.strip().casefold()
        return next((field for field in self.fields if folded in (field.name, field.label.casefold())), None)


class _FieldChange(BaseModel):
    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    name: _Name


class _Extension(BaseModel):
    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    fields: Annotated[list[_FieldChange], Field(max_length=_MOST_FIELDS)] = Field(default_factory=list)
    states: list[str] = Field(default_factory=list)


def extended(definition: RecordDefinition, changes: Mapping[str, Any]) -> RecordDefinition:
    """Return a built-in type with what a tenant changed: fields by name and states are added, the rest is replaced.

    Raises ``pydantic.ValidationError``.
    """
    base, extension = definition.model_dump(mode="json"), _Extension.model_validate(changes)
    fields = {field["name"]: field for field in base["fields"]}
    for change in extension.fields:
        fields[change.name] = {**fields.get(change.name, {}), **change.model_dump()}
    more = {"fields": list(fields.values()), "states": list(dict.fromkeys([*base["states"], *extension.states]))}
    return RecordDefinition.model_validate({**base, **changes, **more})


def kind_of(definition: RecordDefinition) -> RecordKind:
    """Return what processing needs to know of a type."""
    return RecordKind(
        name=definition.name,
        label=definition.label,
        fields=tuple(field.name for field in definition.fields),
        labels={field.name: field.label for field in definition.fields},
        mandatory=tuple(field.name for field in definition.fields if field.mandatory),
        states=definition.states,
        final_states=definition.final_states,
        creatable=definition.creatable,
        title_field=definition.title_field,
        assignee_field=definition.assignee_field,
        approver_field=definition.approver_field,
    )


def _field(name: str, label: str, kind: FieldKind = FieldKind.TEXT, **more: Any) -> FieldDefinition:
    return FieldDefinition(name=name, label=label, kind=kind, **more)


_SUBJECT = _field("subject", "Subject", mandatory=True)
_DESCRIPTION = _field("description", "Description", FieldKind.LONG_TEXT)
_ASSIGNEE = _field("assignee", "Assignee", FieldKind.ADDRESS)
_REASON = _field("reason", "Reason", FieldKind.LONG_TEXT)
_PRIORITIES = ("Low", "Medium", "High", "Critical")
_PRIORITY = _field("priority", "Priority", FieldKind.CHOICE, choices=_PRIORITIES, default="Medium")
_CATEGORY = _field("category", "Category")
_DUE = _field("due_on", "Due", FieldKind.DATE)
_RISK = _field("risk", "Risk", FieldKind.CHOICE, choices=("Low", "Medium", "High"))
_TICKET_STATES = ("new", "assigned", "in_progress", "waiting", "resolved", "closed")


def _built_in(name: str, label: str, prefix: str, fields: Iterable[FieldDefinition], **more: Any) -> RecordDefinition:
    fields = (_SUBJECT, _DESCRIPTION, *fields)
    return RecordDefinition(name=name, label=label, prefix=prefix, fields=fields, title_field="subject", **more)


BUILT_IN: Mapping[str, RecordDefinition] = {
    definition.name: definition
    for definition in (
        _built_in(
            "incident",
            "Incident",
            "INC",
            (_PRIORITY, _CATEGORY, _ASSIGNEE, _REASON),
            states=_TICKET_STATES,
            assignee_field="assignee",
        ),
        _built_in(
            "problem",
            "Problem",
            "PRB",
            (_PRIORITY, _CATEGORY, _ASSIGNEE, _field("cause", "Cause", FieldKind.LONG_TEXT), _REASON),
            states=("new", "assigned", "under_investigation", "known_error", "resolved", "closed"),
            assignee_field="assignee",
        ),
        _built_in(
            "task",
            "Task",
            "TSK",
            (_ASSIGNEE, _DUE, _REASON),
            states=("new", "assigned", "accepted", "rejected", "in_progress", "completed", "cancelled"),
            final_states=("completed", "cancelled"),
            assignee_field="assignee",
        ),
        _built_in(
            "approval",
            "Approval",
            "APR",
            (_field("approver", "Approver", FieldKind.ADDRESS, mandatory=True), _DUE, _REASON),
            states=("requested", "accepted", "rejected", "cancelled"),
            initial_state="requested",
            final_states=("accepted", "rejected", "cancelled"),
            approver_field="approver",
        ),
        _built_in(
            "change",
            "Change",
            "CHG",
            (
                _PRIORITY,
                _CATEGORY,
                _RISK,
                _DUE,
                _ASSIGNEE,
            ),
            states=("new", "assessed", "approved", "rejected", "in_progress", "done", "closed"),
            final_states=("rejected", "closed"),
            assignee_field="assignee",
        ),
        _built_in(
            "service_request",
            "Service Request",
            "REQ",
            (_PRIORITY, _CATEGORY, _DUE, _ASSIGNEE, _REASON),
            states=("new", "approved", "rejected", "in_progress", "fulfilled", "closed"),
            final_states=("rejected", "closed"),
            creatable=False,
            assignee_field="assignee",
        ),
    )
}
