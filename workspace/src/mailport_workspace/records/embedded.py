"""Records in the workspace's own database: a piece of work and what its caller writes are one transaction.

The transaction begins with the first question or change, not with the work itself, so that others wait for as little as
possible: whoever can do the reading of a mail first does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from typing import Any

from mailport.errors import ConfigurationError, NotFound
from mailport_workspace.records.catalogue import Catalogue, Types, read_catalogue
from mailport_workspace.records.history import bounded_key, enter_mail, enter_once, has_entered, shown_changes
from mailport_workspace.records.interface import (
    AttachedMail,
    PersonView,
    RecordKind,
    RecordRef,
    RecordStore,
    RecordView,
    RecordWork,
)
from mailport_workspace.records.people import known_person, make_person
from mailport_workspace.records.types import RecordDefinition
from mailport_workspace.records.values import changed_values, new_values, read_value, state_named
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import ActivityKind, Record, new_id, now
from mailport_workspace.webhooks.events import Event
from mailport_workspace.webhooks.tell import tell

__all__ = ["EmbeddedRecords", "EmbeddedWork", "record_view"]

_DIGITS = 6  # INC000042; larger numbers are longer


class EmbeddedRecords(RecordStore):
    """The records that the workspace keeps itself."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime] = now, types: Types | None = None) -> None:
        self._store = store
        self._clock = clock
        self._types = types

    @asynccontextmanager
    async def work(self, tenant: str) -> AsyncIterator[EmbeddedWork]:
        """Begin a piece of work; what was not settled at its end is undone."""
        with suppress(_NotSettled):
            async with AsyncExitStack() as transaction:
                work = EmbeddedWork(self._store, tenant, transaction, self._clock, self._types)
                yield work
                if not work.is_settled:
                    raise _NotSettled

    async def for_batch(self, tenant: str) -> EmbeddedRecords:
        """Return the store with the types of records as they are now."""
        async with self._store.read(tenant) as rows:
            return EmbeddedRecords(self._store, clock=self._clock, types=Types(await read_catalogue(rows)))


class EmbeddedWork(RecordWork):
    """One piece of work; ``author`` is the person who makes records in it, empty where mail does."""

    def __init__(
        self,
        store: Store,
        tenant: str,
        transaction: AsyncExitStack,
        clock: Callable[[], datetime],
        types: Types | None = None,
    ) -> None:
        self._store = store
        self._tenant = tenant
        self._transaction = transaction
        self._clock = clock
        self._begun: TenantRows | None = None
        self._known = types
        self._new: dict[str, Record] = {}
        self.author = ""
        self.is_settled = False

    async def rows(self) -> TenantRows:
        """Return the transaction; the first who asks begins it."""
        if self.is_settled:
            raise RuntimeError("the work is settled")
        if self._begun is None:
            self._begun = await self._transaction.enter_async_context(self._store.write(self._tenant))
        return self._begun

    async def kinds(self) -> Mapping[str, RecordKind]:
        """Return the types of records, by name."""
        return (await self._read_types()).kinds

    async def find(self, kind: str, value: str, *, by: str = "number") -> RecordView | None:
        """Return the record whose field ``by`` has the value, the newest of several."""
        definition = (await self._types()).get(kind)
        if definition is None or not value.strip():
            return None
        rows = await self.rows()
        if by.strip().lower() == "number":
            row = await rows.record_numbered(kind, _numbers(definition, value))
        else:
            row = await _first_with(rows, definition, by, value)
        return record_view(row, definition) if row is not None else None

    async def get(self, kind: str, record: str) -> RecordView | None:
        """Return the record with that id."""
        definition = (await self._types()).get(kind)
        row = await (await self.rows()).find_record(kind, record) if definition is not None else None
        return record_view(row, definition) if row is not None and definition is not None else None

    async def create(
        self, kind: str, fields: Mapping[str, Any], *, key: str, title: str = "", person: str | None = None
    ) -> RecordView:
        """Make a record, or return the one that ``key`` made."""
        key = bounded_key(key)
        definition = await self._definition(kind)
        rows = await self.rows()
        try:
            values = new_values(definition, fields, title=title)
        except ConfigurationError:
            made = await self._made_by(rows, key)
            if made is None:
                raise
            return made
        number = await rows.next_number(f"record.{kind}")
        made = await self._made_by(rows, key)  # only now: who waited for the number may have waited for the same key
        if made is not None:
            await rows.return_number(f"record.{kind}")
            return made
        row = self._new_record(definition, values, title=title, key=key, person=person)
        row.number = f"{definition.prefix}{number:0{_DIGITS}d}"
        await self._enter(rows, row, record_view(row, definition))
        return record_view(row, definition)

    async def _made_by(self, rows: TenantRows, key: str) -> RecordView | None:
        made = await rows.record_opened_by(key)
        return record_view(made, await self._definition(made.type)) if made is not None else None

    async def _enter(self, rows: TenantRows, row: Record, view: RecordView) -> None:
        """Store a new record, begin its history, and tell of it."""
        await rows.add(row)
        self._new[row.id] = row
        await tell(rows, Event.RECORD_CREATED, _told(view))
        key = f"created.{row.opened_by}"
        enter_once(rows, row, ActivityKind.CREATED, key=key, at=row.created_at, author=self.author, person=row.person_id)

    async def update(
        self, record: RecordRef, fields: Mapping[str, Any], *, key: str, state: str = "", reason: str = "", author: str = ""
    ) -> RecordView:
        """Change fields and state; the reason goes into the history, and into the field ``reason`` where the type has it."""
        definition = await self._definition(record.type)
        rows = await self.rows()
        row = await self._locked(rows, record)
        if await has_entered(rows, row, key):
            return record_view(row, definition)
        if reason and definition.field("reason") is not None:
            fields = {"reason": reason, **fields}
        changes = self._change(row, definition, fields, state)
        if not changes and not reason:
            return record_view(row, definition)
        enter_once(rows, row, ActivityKind.CHANGED, key=key, at=self._clock(), author=author, text=reason, changes=changes)
        await tell(rows, Event.RECORD_UPDATED, {**_told(record_view(row, definition)), "changes": changes, "reason": reason})
        return record_view(row, definition)

    async def attach(self, record: RecordRef, mail: AttachedMail, *, person: str | None = None) -> None:
        """Put a mail with its files into the history of the record and of the person, once."""
        rows = await self.rows()
        made = self._new.pop(record.id, None)  # nothing but its beginning is in its history
        row = made or await self._locked(rows, record)
        await enter_mail(rows, row, mail, person=person or row.person_id, is_new=made is not None)
        if made is None:
            row.updated_at = self._clock()

    async def person(self, email: str) -> PersonView | None:
        """Return who writes under that address."""
        return await known_person(await self.rows(), email)

    async def create_person(self, email: str, name: str) -> PersonView:
        """Make an inactive person in the default unit, or return the one that is there."""
        return await make_person(await self.rows(), email, name)

    async def settle(self, finish: Callable[[TenantRows], Awaitable[None]]) -> None:
        """Run ``finish`` in the transaction of this work and commit."""
        await finish(await self.rows())
        self.is_settled = True
        await self._transaction.aclose()

    async def _types(self) -> Catalogue:
        return (await self._read_types()).catalogue

    async def _read_types(self) -> Types:
        """Return the types; they are read beside the transaction, which need not begin for them."""
        if self._known is None:
            if self._begun is not None:
                self._known = Types(await read_catalogue(self._begun))
            else:
                async with self._store.read(self._tenant) as rows:
                    self._known = Types(await read_catalogue(rows))
        return self._known

    async def _definition(self, kind: str) -> RecordDefinition:
        definition = (await self._types()).get(kind)
        if definition is None:
            raise ConfigurationError(
                f"There is no type of record “{kind[:100]}”.",
                code="record.unknown_type",
                field="type",
                remedy="Choose a type that exists, or define it.",
            )
        return definition

    async def _locked(self, rows: TenantRows, record: RecordRef) -> Record:
        row = await rows.record(record.id, for_update=True)
        if row.type != record.type:
            raise NotFound(
                "There is no such record.", code="store.missing", remedy="It may have been deleted; reload the list."
            )
        return row

    def _new_record(
        self, definition: RecordDefinition, values: dict[str, Any], *, title: str, key: str, person: str | None
    ) -> Record:
        moment = self._clock()
        return Record(
            id=new_id(),
            type=definition.name,
            state=definition.initial_state,
            title=str(values.get(definition.title_field) or title),
            fields=values,
            person_id=person,
            opened_by=key,
            version=1,
            created_at=moment,
            updated_at=moment,
        )

    def _change(self, row: Record, definition: RecordDefinition, fields: Mapping[str, Any], state: str) -> dict[str, list[Any]]:
        """Change the row; return what became what, by field."""
        changed = changed_values(definition, row.fields, fields)
        new_state = state_named(definition, state) if state else row.state
        changes = shown_changes(row.fields, changed) | ({"state": [row.state, new_state]} if new_state != row.state else {})
        if changes:
            row.fields = {name: value for name, value in {**row.fields, **changed}.items() if value != ""}
            row.title = str(row.fields.get(definition.title_field) or row.title)
            row.state = new_state
            row.version += 1
            row.updated_at = self._clock()
        return changes


def record_view(row: Record, definition: RecordDefinition | None) -> RecordView:
    """Return a record as everybody sees it; one whose type cannot be read any more is never final."""
    return RecordView(
        type=row.type,
        id=row.id,
        number=row.number,
        state=row.state,
        title=row.title,
        fields=dict(row.fields),
        is_final=definition is not None and row.state in definition.final_states,
        person=row.person_id,
    )


def _numbers(definition: RecordDefinition, value: str) -> list[str]:
    """Return the numbers that somebody may mean: as it is, and digits alone with the type's prefix."""
    number = value.strip().upper()
    return [number, f"{definition.prefix}{int(number):0{_DIGITS}d}"] if number.isascii() and number.isdigit() else [number]


async def _first_with(rows: TenantRows, definition: RecordDefinition, by: str, value: str) -> Record | None:
    field = definition.field(by)
    try:
        wanted = read_value(field, value) if field is not None else None
    except ValueError:
        return None
    if field is None or not isinstance(wanted, str):
        return None
    candidates = await rows.records_with(definition.name, field.name, wanted)
    return next((row for row in candidates if str(row.fields[field.name]).casefold() == wanted.casefold()), None)


def _told(view: RecordView) -> dict[str, Any]:
    ref = {"type": view.type, "id": view.id, "number": view.number}
    return {"record": ref, "state": view.state, "title": view.title, "fields": dict(view.fields)}


class _NotSettled(Exception):
    """Undoes a piece of work that nobody settled."""
