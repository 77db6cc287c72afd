"""Lines of a body that set fields, by the names and labels of a type's fields."""

from __future__ import annotations

from collections.abc import Iterable

from mailport.policies.templates import BodyRecord
from mailport_workspace.intake.case import storable
from mailport_workspace.intake.creating import field_named
from mailport_workspace.records.interface import RecordKind

__all__ = ["known_fields", "unknown_names"]


def known_fields(described: BodyRecord, kind: RecordKind) -> dict[str, str]:
    """Return the values of fields that the type has, by their names."""
    named = ((field_named(kind, name), storable(value)) for name, value in described.fields)
    return {name: value for name, value in named if name}


def unknown_names(described: BodyRecord, kind: RecordKind, *, beside: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the names that are no field of the type: they are reported and stop nothing (TPL-08)."""
    known = {name.casefold() for name in beside}
    return tuple(name for name, _ in described.fields if not field_named(kind, name) and name.casefold() not in known)
