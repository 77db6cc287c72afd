"""What a tenant decides about types of records: its own ones, and what it adds to the built-in ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from mailport.errors import ConfigurationError, NotFound, Problem
from mailport_workspace.records.catalogue import defined, read_catalogue
from mailport_workspace.records.types import BUILT_IN, RecordDefinition
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import RecordType
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields
from mailport_workspace.tenants.values import refuse, refuse_unstorable

__all__ = ["RecordTypes", "TypeView"]

_MOST_TYPES = 200


@dataclass(frozen=True, slots=True)
class TypeView:
    """A type of record. ``is_built_in`` says that it cannot be removed, ``is_changed`` that the tenant extended it."""

    definition: RecordDefinition
    is_built_in: bool
    is_changed: bool


class RecordTypes:
    """The types of records of all tenants; everybody of a tenant sees them, administrators define them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(self, actor: Actor) -> Sequence[TypeView]:
        """Return every type, by name."""
        async with self._store.read(actor.tenant) as rows:
            catalogue = await read_catalogue(rows)
            stored = {row.name for row in await rows.record_types()}
        return [_view(catalogue[name], stored) for name in sorted(catalogue)]

    async def save(self, actor: Actor, name: str, definition: Mapping[str, Any]) -> TypeView:
        """Define a type, or extend a built-in one. Raises ``ConfigurationError`` that names every field at fault."""
        actor.require_administrator()
        refuse_unstorable(definition)
        wanted = _validated(name, definition)
        async with self._store.write(actor.tenant) as rows:
            await _refuse_lost_states(rows, wanted)
            row = await rows.record_type(wanted.name)
            before = row.definition if row is not None else {}
            after = {key: value for key, value in definition.items() if key != "name"}
            await rows.add(*changed_fields(actor, f"record type {wanted.name}", before, after))
            if row is None:
                await _refuse_more(rows)
                await rows.add(RecordType(name=wanted.name, definition=after))
            else:
                row.definition = after
        return _view(wanted, {wanted.name})

    async def remove(self, actor: Actor, name: str) -> None:
        """Remove a type without records, or make a built-in one what it was."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            row = await rows.record_type(name)
            if row is None:
                raise NotFound(
                    f"The tenant has defined no type “{name[:100]}”.", code="store.missing", remedy="Reload the list."
                )
            if name in BUILT_IN:
                await _refuse_lost_states(rows, BUILT_IN[name])
            elif await rows.record_states(name):
                raise ConfigurationError(
                    "There are records of this type.",
                    code="record.type_in_use",
                    remedy="Keep the type; mail may be kept off it.",
                )
            await rows.add(*changed_fields(actor, f"record type {name}", row.definition, {}))
            await rows.remove(row)


def _validated(name: str, definition: Mapping[str, Any]) -> RecordDefinition:
    try:
        return defined(name, definition)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)
        refuse(_problem(detail["loc"], str(detail["msg"])) for detail in details)
        raise


def _problem(place: Sequence[str | int], said: str) -> Problem:
    field = "/".join(map(str, place))
    said = said.removeprefix("Value error, ")
    return Problem(field, "settings.invalid", f"{field}: {said}." if field else f"{said[:1].upper()}{said[1:]}.")


async def _refuse_lost_states(rows: TenantRows, wanted: RecordDefinition) -> None:
    lost = sorted(await rows.record_states(wanted.name) - set(wanted.states))
    if lost:
        raise ConfigurationError(
            f"There are records in the state {', '.join(lost)}.",
            code="record.state_in_use",
            field="states",
            remedy="Keep the state, or bring those records into another one first.",
        )


async def _refuse_more(rows: TenantRows) -> None:
    if len(await rows.record_types()) >= _MOST_TYPES:
        raise ConfigurationError(f"A tenant has at most {_MOST_TYPES} types of its own.", code="record.too_many_types")


def _view(definition: RecordDefinition, stored: set[str]) -> TypeView:
    name = definition.name
    return TypeView(definition, is_built_in=name in BUILT_IN, is_changed=name in BUILT_IN and name in stored)
