"""Values of a record's fields: read as their kind, with every problem named at its field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mailport.errors import ConfigurationError, Problem
from mailport.fields import MailAddress
from mailport_workspace.records.types import FieldDefinition, FieldKind, RecordDefinition
from mailport_workspace.storable import is_storable
from mailport_workspace.tenants.values import refuse

__all__ = ["changed_values", "new_values", "read_value", "state_named"]

_ADDRESS = TypeAdapter(MailAddress)
_YES, _NO = ("yes", "true", "1", "on"), ("no", "false", "0", "off")
_LONGEST_TEXT = 1000


def new_values(definition: RecordDefinition, given: Mapping[str, Any], *, title: str = "") -> dict[str, Any]:
    """Return the fields of a new record, defaults filled in.

    Raises ``ConfigurationError`` that names every missing, unknown and invalid field.
    """
    title_given = {definition.title_field: title} if definition.title_field and title else {}
    read, problems = _read(definition, {**title_given, **given})
    defaults = {field.name: field.default for field in definition.fields if field.default}
    filled = {**_read(definition, defaults)[0], **{name: value for name, value in read.items() if value not in ("", None)}}
    faulty = {problem.field for problem in problems}
    missing = [field for field in definition.fields if field.mandatory and field.name not in {*filled, *faulty}]
    refuse([*problems, *map(_missing, missing)])
    return filled


def changed_values(definition: RecordDefinition, old: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return only the fields whose value becomes another one; an empty value clears a field."""
    read, problems = _read(definition, given)
    mandatory = [field for field in definition.fields if field.mandatory and read.get(field.name, True) in ("", None)]
    refuse([*problems, *map(_missing, mandatory)])
    return {name: value for name, value in read.items() if (old.get(name) or "") != (value if value is not None else "")}


def state_named(definition: RecordDefinition, state: str) -> str:
    """Return the state as the type spells it. Raises ``ConfigurationError``."""
    word = "_".join(state.strip().lower().replace("-", " ").split())
    if word not in definition.states:
        said = f"“{state[:100]}” is no state of {definition.label}: {', '.join(definition.states)}."
        raise ConfigurationError(said, code="record.unknown_state", field="state", remedy="Choose one of its states.")
    return word


def read_value(field: FieldDefinition, value: Any) -> Any:
    """Return ``value`` as the field keeps it. Raises ``ValueError`` with a sentence for a human."""
    if isinstance(value, str):
        value = value.strip()
    if value in ("", None):
        return ""
    if not is_storable(value):
        raise ValueError("it holds characters that cannot be stored")
    return _READERS[field.kind](field, value)


def _read(definition: RecordDefinition, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    read: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in given.items():
        field = definition.field(name)
        if field is None:
            problems.append(_unknown(definition, name))
            continue
        try:
            read[field.name] = read_value(field, value)
        except ValueError as error:
            problems.append(Problem(field.name, "record.invalid", f"{field.label}: {_said(error)}."))
    return read, problems


def _said(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return str(error.errors(include_input=False, include_url=False)[0]["msg"]).removeprefix("Value error, ").rstrip(".")
    return str(error)


def _unknown(definition: RecordDefinition, name: str) -> Problem:
    shown = name[:100].encode("ascii", "backslashreplace").decode()
    return Problem(shown, "record.unknown_field", f"{definition.label} has no field “{shown}”.")


def _missing(field: FieldDefinition) -> Problem:
    return Problem(field.name, "record.missing", f"{field.label} must have a value.", "Fill it in.")


def _text(_field: FieldDefinition, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("it is text")
    if len(value) > _LONGEST_TEXT:
        raise ValueError(f"it has at most {_LONGEST_TEXT} characters")
    return value


def _long_text(_field: FieldDefinition, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("it is text")
    return value


def _number(_field: FieldDefinition, value: Any) -> int | float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError("it is a number")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _yes_no(_field: FieldDefinition, value: Any) -> bool:
    word = str(value).lower()
    if word not in (*_YES, *_NO):
        raise ValueError("it is yes or no")
    return word in _YES


def _date(_field: FieldDefinition, value: Any) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError) as error:
        raise ValueError("it is a date such as 2026-12-31") from error


def _choice(field: FieldDefinition, value: Any) -> str:
    word = str(value).casefold()
    for choice in field.choices:
        if choice.casefold() == word:
            return choice
    raise ValueError(f"it is one of {', '.join(field.choices)}")


def _address(_field: FieldDefinition, value: Any) -> str:
    return _ADDRESS.validate_python(value).lower()


_READERS: Mapping[FieldKind, Any] = {
    FieldKind.TEXT: _text,
    FieldKind.LONG_TEXT: _long_text,
    FieldKind.NUMBER: _number,
    FieldKind.YES_NO: _yes_no,
    FieldKind.DATE: _date,
    FieldKind.CHOICE: _choice,
    FieldKind.ADDRESS: _address,
}
