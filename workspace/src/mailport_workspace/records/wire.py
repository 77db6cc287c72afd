"""The calls to a record store elsewhere as JSON: what is sent, and what an answer may hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError

from mailport.errors import (
    ConfigurationError,
    MailportError,
    NotFound,
    PermissionDenied,
    Problem,
    Throttled,
    TransportError,
    Unreachable,
)
from mailport_workspace.records.interface import PersonView, RecordKind, RecordView
from mailport_workspace.tables import new_id
from mailport_workspace.web import Answer

__all__ = [
    "FIELD",
    "call_id",
    "kinds_in",
    "made_person_in",
    "made_record_in",
    "packed",
    "person_in",
    "record_in",
    "refusal",
    "unavailable",
]

FIELD = "record_store_url"
"""The setting at fault where a record store elsewhere does not answer as it should."""

_Text = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]
_Type = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]
_Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
_Number = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]
_MOST_KINDS, _MOST_FIELDS, _MOST_PROBLEMS = 500, 1000, 100


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class _Field(_Read):
    name: _Type
    label: _Text = ""
    mandatory: bool = False


class _Kind(_Read):
    name: _Type
    label: _Text = ""
    fields: Annotated[list[_Field], Field(max_length=_MOST_FIELDS)] = Field(default_factory=list)
    states: list[_Type] = Field(default_factory=list)
    final_states: list[_Type] = Field(default_factory=list)
    creatable: bool = True
    title_field: _Text = ""
    assignee_field: _Text = ""
    approver_field: _Text = ""

    def kind(self) -> RecordKind:
        return RecordKind(
            name=self.name,
            label=self.label or self.name,
            fields=tuple(field.name for field in self.fields),
            mandatory=tuple(field.name for field in self.fields if field.mandatory),
            states=tuple(self.states),
            final_states=tuple(self.final_states),
            creatable=self.creatable,
            labels={field.name: field.label or field.name for field in self.fields},
            title_field=self.title_field,
            assignee_field=self.assignee_field,
            approver_field=self.approver_field,
        )


class _Record(_Read):
    type: _Type
    id: _Id
    number: _Number
    state: _Text = ""
    title: _Text = ""
    fields: dict[str, JsonValue] = Field(default_factory=dict)
    is_final: bool = False
    person: _Id | None = None


class _Person(_Read):
    id: _Id
    email: Annotated[str, StringConstraints(max_length=320)]
    name: _Text = ""
    active: bool = True


class _Kinds(_Read):
    kinds: Annotated[list[_Kind], Field(max_length=_MOST_KINDS)]


class _MaybeRecord(_Read):
    record: _Record | None


class _MaybePerson(_Read):
    person: _Person | None


class _Complaint(_Read):
    field: _Text = ""
    code: Annotated[str, StringConstraints(pattern=r"^record\.[a-z_]{1,60}$")] = "record.refused"
    message: _Text = ""


class _Complaints(_Read):
    problems: Annotated[list[_Complaint], Field(min_length=1, max_length=_MOST_PROBLEMS)]


Body = TypeVar("Body", bound=_Read)


def call_id(tenant: str, operation: str, key: str) -> str:
    """Return what the other system knows a call by: always the same for one change, and nothing else has it."""
    if not key:
        return f"ask_{new_id()}"
    return f"chg_{hashlib.sha256(json.dumps([tenant, operation, key]).encode()).hexdigest()}"


def packed(wish: Mapping[str, Any]) -> bytes:
    """Return the body of a call."""
    return json.dumps(wish, separators=(",", ":")).encode()


def kinds_in(answer: Answer) -> dict[str, RecordKind]:
    """Return the types of records that an answer lists, by name."""
    return {kind.name: kind.kind() for kind in _read(_Kinds, answer).kinds}


def record_in(answer: Answer) -> RecordView | None:
    """Return the record of an answer, None where it says that there is none."""
    record = _read(_MaybeRecord, answer).record
    return RecordView(**record.model_dump()) if record is not None else None


def made_record_in(answer: Answer) -> RecordView:
    """Return the record that a change made or left."""
    record = record_in(answer)
    if record is None:
        raise _malformed("record")
    return record


def person_in(answer: Answer) -> PersonView | None:
    """Return the person of an answer, None where it says that there is none."""
    person = _read(_MaybePerson, answer).person
    return PersonView(**person.model_dump()) if person is not None else None


def made_person_in(answer: Answer) -> PersonView:
    """Return the person that a change made or found."""
    person = person_in(answer)
    if person is None:
        raise _malformed("person")
    return person


def refusal(answer: Answer) -> MailportError:
    """Return what an answer that is no success means, where waiting does not change it."""
    status = answer.status
    if status in (400, 422):
        return _complaints(answer)
    if status in (401, 403):
        said, remedy = "The record store does not accept our signature.", "Give it the key of this tenant."
        return PermissionDenied(said, code="record.denied", field=FIELD, remedy=remedy)
    if status in (404, 410):
        return NotFound("The record store has no such record.", code="record.gone", remedy="Reload the record.")
    if 300 <= status < 400:
        said, remedy = "The record store answers with a redirect.", "Enter the address that it leads to."
        return ConfigurationError(said, code="record.redirected", field=FIELD, remedy=remedy)
    said = f"The record store answers {status}."
    return TransportError(said, code="record.refused", field=FIELD, remedy="Look into its log.")


def unavailable(answer: Answer, retry_after: float | None) -> Unreachable | Throttled:
    """Return the failure of a record store that may work later."""
    if retry_after is not None or answer.status == 429:
        said = "The record store asks to come back later."
        return Throttled(said, code="record.throttled", field=FIELD, retry_after=retry_after)
    said = f"The record store is not available ({answer.status})."
    return Unreachable(said, code="record.unavailable", field=FIELD, remedy="Look into its log.")


def _complaints(answer: Answer) -> ConfigurationError:
    try:
        complaints = _Complaints.model_validate_json(answer.body).problems
    except ValidationError:
        complaints = [_Complaint(message="The record store refuses what it was sent.")]
    problems = tuple(Problem(each.field, each.code, each.message or f"{each.field}: refused.") for each in complaints)
    return ConfigurationError(" ".join(problem.message for problem in problems), problems=problems)


def _read(kind: type[Body], answer: Answer) -> Body:
    try:
        return kind.model_validate_json(answer.body)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])
        raise _malformed(place or "body") from error


def _malformed(place: str) -> TransportError:
    return TransportError(
        f"The record store's answer cannot be read at “{place[:100]}”.",
        code="record.malformed",
        field=FIELD,
        remedy="Compare it with the contract in docs/reference/record-webhooks.md.",
    )
