"""What is wrong with a value, in words: what pydantic says, as a sentence after the field's label and a remedy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from mailport.errors import Problem
from mailport.fields import hint

__all__ = ["problems_of", "unknown_field"]

# By pydantic's type of error, with the names of its context. The others are our own, and say what is expected.
_EMPTY = "must not be empty."
_SAID = {
    "bool_parsing": "must be true or false.",
    "bool_type": "must be true or false.",
    "enum": "must be one of: {expected}.",
    "float_parsing": "must be a number.",
    "float_type": "must be a number.",
    "greater_than_equal": "must be {ge} or more.",
    "int_from_float": "must be a whole number.",
    "int_parsing": "must be a whole number.",
    "int_type": "must be a whole number.",
    "less_than_equal": "must be {le} or less.",
    "literal_error": "must be one of: {expected}.",
    "string_pattern_mismatch": "has another form than is expected.",
    "string_too_long": "must have at most {max_length} characters.",
    "string_too_short": "must have at least {min_length} characters.",
    "string_type": "must be a text.",
    "too_long": "must have at most {max_length} characters.",
    "too_short": "must have at least {min_length} characters.",
}
_REMEDIES = {
    "bool_parsing": "Choose one of them.",
    "bool_type": "Choose one of them.",
    "enum": "Choose one of them.",
    "literal_error": "Choose one of them.",
    "string_too_long": "Shorten it.",
    "string_too_short": "Enter it in full.",
    "string_type": 'Enter a text; an account file has it in quotes: name = "text".',
    "too_long": "Shorten it.",
    "too_short": "Enter it in full.",
}


def problems_of(model: type[BaseModel], values: Mapping[str, Any]) -> list[Problem]:
    """Return what ``model`` does not take of ``values``, one problem for each field at fault."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        return [_problem(model, dict(detail)) for detail in error.errors(include_input=False, include_url=False)]
    return []


def unknown_field(name: str, known: Collection[str], *, title: str, elsewhere: Collection[str]) -> Problem:
    """Return the problem of a name that the protocol ``title`` does not know; ``elsewhere`` are those of other protocols."""
    if name in elsewhere:
        return Problem(name, "settings.unknown_field", f"{title} has no field “{name}”.", "Remove it.")
    close = get_close_matches(name, sorted(known), n=1)
    remedy = f"Did you mean “{close[0]}”?" if close else "A host's own fields belong under “custom”."
    return Problem(name, "settings.unknown_field", f"There is no field “{name}”.", remedy)


def _problem(model: type[BaseModel], detail: dict[str, Any]) -> Problem:
    context: dict[str, Any] = detail.get("ctx") or {}
    name = str(context.get("field") or (detail["loc"] or ("",))[0])
    field = model.model_fields.get(name)
    label = (field.title if field else None) or name
    if detail["type"] == "missing":
        return Problem(name, "settings.missing", f"{label} is required.", _example(field) or "Enter it.")
    remedy = context.get("remedy") or _remedy(detail["type"], field) or _example(field) or "Correct it."
    return Problem(name, "settings.invalid", f"{label}: {_said(detail, context)}", remedy)


def _example(field: FieldInfo | None) -> str:
    example = hint(field, "x-placeholder") if field else None
    return f"Enter it as in “{example}”." if example else ""


def _said(detail: dict[str, Any], context: dict[str, Any]) -> str:
    if context.get("min_length") == 1:
        return _EMPTY
    said = _SAID.get(detail["type"])
    return said.format_map(context) if said else str(detail["msg"]).removeprefix("Value error, ")


def _remedy(kind: str, field: FieldInfo | None) -> str:
    low, high = _bound(field, "ge"), _bound(field, "le")
    if low is not None and high is not None and _SAID.get(kind, "").endswith(("or more.", "or less.", "number.")):
        return f"Enter a number from {low} to {high}."
    return _REMEDIES.get(kind, "")


def _bound(field: FieldInfo | None, name: str) -> Any:
    return next((getattr(one, name) for one in (field.metadata if field else ()) if hasattr(one, name)), None)
