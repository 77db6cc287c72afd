"""The embedded records: types, counters, records with their history, people, outside numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import defer

from mailport_workspace.queries.base import Bound, found
from mailport_workspace.queries.paging import Position, one_page
from mailport_workspace.tables import (
    Activity,
    Counter,
    JournalEntry,
    MailDirection,
    MailKind,
    OutsideNumber,
    Person,
    Record,
    RecordAttachment,
    RecordType,
)

__all__ = ["RecordFilter", "RecordQueries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFilter:
    """Which records a list shows; what is empty does not matter. ``text`` is a part of number or title."""

    type: str = ""
    states: tuple[str, ...] = ()
    text: str = ""
    person: str = ""
    parent: str = ""


class RecordQueries(Bound):
    """Of one tenant."""

    async def record_types(self) -> Sequence[RecordType]:
        """Return the types that the tenant defined or extended, by name."""
        return (await self._session.scalars(select(RecordType).order_by(RecordType.name))).all()

    async def record_type(self, name: str) -> RecordType | None:
        """Return what the tenant stored for a type, locked until the transaction ends."""
        return await self._session.scalar(select(RecordType).where(RecordType.name == name).with_for_update())

    async def next_number(self, name: str) -> int:
        """Return the next value of a counter; whoever asks next waits until this transaction ends, so that no gap is left."""
        value = await self._advance(name, 1)
        if value is None:
            await self._begin_counter(name)
            value = await self._advance(name, 1)
        return found(value, "counter")

    async def return_number(self, name: str) -> None:
        """Give back the number that this transaction took last."""
        await self._advance(name, -1)

    async def _advance(self, name: str, by: int) -> int | None:
        change = update(Counter).where(Counter.name == name).values(value=Counter.value + by).returning(Counter.value)
        return await self._session.scalar(change.execution_options(synchronize_session=False))

    async def _begin_counter(self, name: str) -> None:
        try:
            async with self._session.begin_nested():
                self._session.add(Counter(name=name, value=0))
        except IntegrityError:  # somebody else began it at the same moment
            return

    async def record(self, record: str, *, for_update: bool = False) -> Record:
        """Return one record. Raises ``NotFound``."""
        query = select(Record).where(Record.id == record)
        query = query.with_for_update().execution_options(populate_existing=True) if for_update else query
        return found(await self._session.scalar(query), "record")

    async def find_record(self, kind: str, record: str) -> Record | None:
        """Return the record of that type with that id, if there is one."""
        return await self._session.scalar(select(Record).where(Record.type == kind, Record.id == record))

    async def record_numbered(self, kind: str, numbers: Sequence[str]) -> Record | None:
        """Return the record of that type that has one of the numbers, if there is one."""
        query = select(Record).where(Record.type == kind, Record.number.in_(numbers)).order_by(Record.number)
        return await self._session.scalar(query.limit(1))

    async def record_opened_by(self, key: str) -> Record | None:
        """Return the record that ``key`` made, if there is one."""
        return await self._session.scalar(select(Record).where(Record.opened_by == key))

    async def records_with(self, kind: str, field: str, value: str) -> Sequence[Record]:
        """Return the records whose text field may have the value, without regard to case, the newest first.

        Databases fold ASCII letters alike and others not, so that these fit any: the caller compares.
        """
        is_alike = func.lower(Record.fields[field].as_string()).like(_alike(value), escape="\\")
        query = select(Record).where(Record.type == kind, is_alike).order_by(Record.id.desc())
        return (await self._session.scalars(query)).all()

    async def records(self, wanted: RecordFilter, *, after: Position | None = None, limit: int = 50) -> Sequence[Record]:
        """Return a page of records, the newest first; one row more tells that another page follows."""
        query = select(Record).where(*_conditions(wanted))
        return (await self._session.scalars(one_page(query, Record.id, after=after, limit=limit))).all()

    async def record_states(self, kind: str) -> set[str]:
        """Return the states that records of a type are in."""
        return set(await self._session.scalars(select(Record.state).where(Record.type == kind).distinct()))

    async def activities(self, record: str, *, limit: int = 1000) -> Sequence[Activity]:
        """Return the history of a record, the oldest first."""
        query = select(Activity).where(Activity.record_id == record).order_by(Activity.at, Activity.id).limit(limit)
        return (await self._session.scalars(query)).all()

    async def activity_keyed(self, record: str, key: str) -> Activity | None:
        """Return the entry of the history that ``key`` made, if there is one."""
        return await self._session.scalar(select(Activity).where(Activity.record_id == record, Activity.key == key))

    async def activities_of_person(self, person: str, *, limit: int = 100) -> Sequence[Activity]:
        """Return what a person's record tells, the newest first."""
        query = select(Activity).where(Activity.person_id == person).order_by(Activity.at.desc(), Activity.id.desc())
        return (await self._session.scalars(query.limit(limit))).all()

    async def record_attachments(self, record: str) -> Sequence[RecordAttachment]:
        """Return the files of a record, without their content."""
        query = select(RecordAttachment).where(RecordAttachment.record_id == record).order_by(RecordAttachment.id)
        query = query.options(defer(RecordAttachment.content, raiseload=True))
        return (await self._session.scalars(query)).all()

    async def record_attachment(self, attachment: str) -> RecordAttachment:
        """Return one file. Raises ``NotFound``."""
        return found(await self._session.scalar(select(RecordAttachment).where(RecordAttachment.id == attachment)), "file")

    async def person(self, person: str) -> Person:
        """Return one person. Raises ``NotFound``."""
        return found(await self._session.scalar(select(Person).where(Person.id == person)), "person")

    async def person_with(self, email: str) -> Person | None:
        """Return the person with that address, in small letters, if there is one."""
        return await self._session.scalar(select(Person).where(Person.email == email))

    async def ensure_person(self, person: Person) -> Person:
        """Insert a person, or return the one with the same address."""
        known = await self.person_with(person.email)
        if known is not None:
            return known
        try:
            async with self._session.begin_nested():
                self._session.add(person)
        except IntegrityError:  # somebody else made it at the same moment
            return found(await self.person_with(person.email), "person")
        return person

    async def people(self, *, text: str = "", after: Position | None = None, limit: int = 50) -> Sequence[Person]:
        """Return a page of people by address; ``text`` is a part of address or name."""
        query = select(Person)
        if text:
            query = query.where(func.lower(Person.email + " " + Person.name).contains(text.lower(), autoescape=True))
        page = one_page(query, Person.email, after=after, limit=limit, descending=False)
        return (await self._session.scalars(page)).all()

    async def outside_numbers(self, kind: str, record: str) -> Sequence[OutsideNumber]:
        """Return the numbers that other systems gave to a record."""
        query = select(OutsideNumber).where(OutsideNumber.record_type == kind, OutsideNumber.record_id == record)
        return (await self._session.scalars(query.order_by(OutsideNumber.number))).all()

    async def outside_number(self, number: str) -> OutsideNumber | None:
        """Return what a number of another system stands for, if anything; it comes in small letters."""
        return await self._session.scalar(select(OutsideNumber).where(OutsideNumber.number == number))

    async def latest_mail_of_record(self, kind: str, record: str) -> JournalEntry | None:
        """Return the latest mail that came for a record, if there is one."""
        is_its = (JournalEntry.record_type == kind) & (JournalEntry.record_id == record)
        came = (JournalEntry.direction == MailDirection.INCOMING) & (JournalEntry.kind == MailKind.MAIL)
        return await self._session.scalar(select(JournalEntry).where(is_its, came).order_by(JournalEntry.id.desc()).limit(1))


def _conditions(wanted: RecordFilter) -> Iterator[ColumnElement[bool]]:
    for column, value in ((Record.type, wanted.type), (Record.person_id, wanted.person), (Record.parent_id, wanted.parent)):
        if value:
            yield column == value
    if wanted.states:
        yield Record.state.in_(wanted.states)
    if wanted.text:
        yield func.lower(Record.number + " " + Record.title).contains(wanted.text.lower(), autoescape=True)


def _alike(value: str) -> str:
    """Return a pattern that the value fits in either case: letters beyond ASCII are left open."""
    escaped = re.sub(r"([\\%_])", r"\\\1", value.lower())
    return re.sub(r"[^\x00-\x7f]", "%", escaped)
