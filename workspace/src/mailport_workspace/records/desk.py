"""What people do with the records of the workspace: look, create, change, note, answer by mail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailport import Attachment, Message
from mailport.address import Address
from mailport.errors import ConfigurationError, NotFound, UnsupportedFeature
from mailport_workspace.outbox.enqueue import Submitted, Wish
from mailport_workspace.outbox.outbox import Outbox
from mailport_workspace.queries.paging import Position
from mailport_workspace.queries.records import RecordFilter
from mailport_workspace.records.answering import answer_to, read_original
from mailport_workspace.records.catalogue import Catalogue, read_catalogue
from mailport_workspace.records.embedded import EmbeddedRecords, EmbeddedWork, record_view
from mailport_workspace.records.history import enter_once
from mailport_workspace.records.interface import PersonView, RecordRef, RecordView
from mailport_workspace.records.people import person_view
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import Activity, ActivityKind, OutsideNumber, Record, RecordAttachment, new_id, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.configuration import Configurations
from mailport_workspace.tenants.options import RecordStoreChoice, options_of
from mailport_workspace.tenants.values import refuse_unstorable

__all__ = ["Listed", "RecordDesk", "RecordPage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A record in a list."""

    record: RecordView
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPage(Listed):
    """A record with all that is known of it: ``files`` without their content, ``parts`` are the records below it."""

    history: Sequence[Activity]
    files: Sequence[RecordAttachment]
    outside_numbers: Sequence[OutsideNumber]
    person: PersonView | None
    parts: Sequence[RecordView]


class RecordDesk:
    """The records of all tenants that keep them here, as people see and change them."""

    def __init__(
        self,
        store: Store,
        records: EmbeddedRecords,
        outbox: Outbox,
        configurations: Configurations,
        *,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._records = records
        self._outbox = outbox
        self._configurations = configurations
        self._clock = clock

    async def list(
        self, actor: Actor, wanted: RecordFilter, *, after: Position | None = None, limit: int = 50
    ) -> Sequence[Listed]:
        """Return a page of records, the newest first, and one more where another page follows."""
        async with self._store.read(actor.tenant) as rows:
            catalogue = await _here(rows)
            found = await rows.records(wanted, after=after, limit=limit)
        return [_listed(row, catalogue) for row in found]

    async def read(self, actor: Actor, record: str) -> RecordPage:
        """Return a record with its history and the names of its files. Raises ``NotFound``."""
        async with self._store.read(actor.tenant) as rows:
            catalogue = await _here(rows)
            row = await rows.record(record)
            parts = await rows.records(RecordFilter(parent=row.id), limit=100)
            return RecordPage(
                record=_view(row, catalogue),
                created_at=row.created_at,
                updated_at=row.updated_at,
                history=await rows.activities(row.id),
                files=await rows.record_attachments(row.id),
                outside_numbers=await rows.outside_numbers(row.type, row.id),
                person=person_view(await rows.person(row.person_id)) if row.person_id else None,
                parts=[_view(part, catalogue) for part in parts],
            )

    async def file(self, actor: Actor, record: str, file: str) -> tuple[RecordAttachment, bytes]:
        """Return a file of a record with its content. Raises ``NotFound``, also where the original mail is purged."""
        async with self._store.read(actor.tenant) as rows:
            row = await rows.record_attachment(file)
            if row.record_id != record:
                raise NotFound("The record has no such file.", code="store.missing", remedy="Reload the record.")
            if row.raw_id is not None:
                return row, (await rows.raw_message(row.raw_id)).content
            return row, row.content or b""

    async def create(
        self,
        actor: Actor,
        kind: str,
        fields: Mapping[str, Any],
        *,
        email: str = "",
        parent: str = "",
        key: str = "",
    ) -> RecordView:
        """Make a record by hand, for the person with that address. ``key`` keeps a repeated wish from making a second one."""
        refuse_unstorable({"fields": dict(fields), "email": email, "key": key})
        who = Address.parse(email) if email.strip() else None
        async with self._records.work(actor.tenant) as work:
            await _here(await work.rows())
            work.author = actor.name
            person = (await work.create_person(who.mailbox, who.display_name)).id if who is not None else None
            view = await work.create(kind, fields, key=f"hand.{key or new_id()}", person=person)
            if parent:
                await _put_below(await work.rows(), view, parent)
            await work.settle(_nothing_more)
        return view

    async def change(
        self, actor: Actor, record: str, fields: Mapping[str, Any], *, state: str = "", reason: str = "", key: str = ""
    ) -> RecordView:
        """Change fields and state."""
        refuse_unstorable({"fields": dict(fields), "state": state, "reason": reason})
        async with self._records.work(actor.tenant) as work:
            row = await self._row(work, record)
            key = f"hand.{key or new_id()}"
            view = await work.update(_ref(row), fields, key=key, state=state, reason=reason, author=actor.name)
            await work.settle(_nothing_more)
        return view

    async def note(self, actor: Actor, record: str, text: str) -> None:
        """Write a note into the history."""
        refuse_unstorable({"text": text})
        if not text.strip():
            raise ConfigurationError("A note has a text.", code="record.missing", field="text", remedy="Write something.")
        async with self._records.work(actor.tenant) as work:
            row = await self._row(work, record)
            moment = self._clock()
            enter_once(
                await work.rows(), row, ActivityKind.NOTE, key=f"note.{new_id()}", at=moment, author=actor.name, text=text
            )
            row.updated_at = moment
            await work.settle(_nothing_more)

    async def answer(
        self,
        actor: Actor,
        record: str,
        *,
        text: str,
        html: str = "",
        to: Iterable[str] = (),
        cc: Iterable[str] = (),
        attachments: Iterable[Attachment] = (),
        key: str | None = None,
    ) -> Submitted:
        """Answer the latest mail of a record, or write to its person; the mail stands in the history once it is accepted.

        ``to`` is who gets it instead. Raises ``ConfigurationError`` where nobody is known to write to.
        """
        account = await self._configurations.account(actor.tenant)
        async with self._store.read(actor.tenant) as rows:
            await _here(rows)
            original = await read_original(rows, await rows.record(record))
        message = answer_to(original, account, text=text, html=html, to=to, cc=cc, attachments=attachments)
        return await self._send(actor, record, message, key)

    async def _send(self, actor: Actor, record: str, message: Message, key: str | None) -> Submitted:
        async with self._store.write(actor.tenant) as rows:
            row = await rows.record(record, for_update=True)
            submitted = await self._outbox.enqueue(rows, message, Wish(record=_ref(row), idempotency_key=key, origin="user"))
            row.updated_at = self._clock()
        await self._outbox.nudge(actor.tenant)
        return submitted

    async def _row(self, work: EmbeddedWork, record: str) -> Record:
        rows = await work.rows()
        await _here(rows)
        return await rows.record(record, for_update=True)


async def _here(rows: TenantRows) -> Catalogue:
    """Return the types of records of a tenant that keeps its records here."""
    if options_of(await rows.tenant()).record_store is not RecordStoreChoice.EMBEDDED:
        raise UnsupportedFeature(
            "The records of this tenant live in another system.", code="record.elsewhere", remedy="Look there."
        )
    return await read_catalogue(rows)


async def _put_below(rows: TenantRows, view: RecordView, parent: str) -> None:
    above = await rows.record(parent)
    row = await rows.record(view.id, for_update=True)
    if row.id == above.id:
        raise ConfigurationError("A record cannot be a part of itself.", code="record.parent", field="parent")
    row.parent_id = above.id


async def _nothing_more(_rows: TenantRows) -> None:
    """Settle a piece of work that is complete."""


def _ref(row: Record) -> RecordRef:
    return RecordRef(type=row.type, id=row.id, number=row.number)


def _view(row: Record, catalogue: Catalogue) -> RecordView:
    return record_view(row, catalogue.get(row.type))


def _listed(row: Record, catalogue: Catalogue) -> Listed:
    return Listed(record=_view(row, catalogue), created_at=row.created_at, updated_at=row.updated_at)
