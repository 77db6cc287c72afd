"""The numbers that other systems gave to records: mail that names one finds the record (PLS-09)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailport.errors import ConfigurationError, NotFound
from mailport_workspace.records.interface import RecordStore
from mailport_workspace.store import Store
from mailport_workspace.tables import OutsideNumber, new_id
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.values import refuse_unstorable

__all__ = ["OutsideNumbers"]

_LONGEST_NAME = 200
_NUMBER = re.compile(r"(?=.*\d)[\w#][\w#./:-]{2,59}")  # a shorter one stands in too many subjects by chance


class OutsideNumbers:
    """The outside numbers of all tenants, wherever their records live; compared without regard to case."""

    def __init__(self, store: Store, records: RecordStore) -> None:
        self._store = store
        self._records = records

    async def list(self, actor: Actor, kind: str, record: str) -> Sequence[OutsideNumber]:
        """Return the outside numbers of a record."""
        async with self._store.read(actor.tenant) as rows:
            return await rows.outside_numbers(kind, record)

    async def find(self, actor: Actor, number: str) -> OutsideNumber | None:
        """Return which record a number stands for, if any."""
        async with self._store.read(actor.tenant) as rows:
            return await rows.outside_number(_folded(number))

    async def add(self, actor: Actor, kind: str, record: str, number: str, *, system: str = "") -> str:
        """Let a number stand for a record; return the id of the entry. Adding it twice changes nothing."""
        refuse_unstorable({"number": number, "system": system})
        row = OutsideNumber(
            id=new_id(), number=_checked(number), system=system[:_LONGEST_NAME], record_type=kind, record_id=record
        )
        await self._require_record(actor.tenant, kind, record)
        async with self._store.write(actor.tenant) as rows:
            known = await rows.outside_number(row.number)
            if known is None:
                await rows.add(row)
                return row.id
        if (known.record_type, known.record_id) != (kind, record):
            said = f"The number {row.number} stands for another record."
            raise ConfigurationError(said, code="record.number_taken", field="number", remedy="Remove it there first.")
        return known.id

    async def remove(self, actor: Actor, kind: str, record: str, entry: str) -> None:
        """Forget an outside number of a record. Raises ``NotFound``."""
        async with self._store.write(actor.tenant) as rows:
            entries = [row for row in await rows.outside_numbers(kind, record) if row.id == entry]
            if not entries:
                raise NotFound("The record has no such number.", code="store.missing", remedy="Reload the record.")
            await rows.remove(entries[0])

    async def _require_record(self, tenant: str, kind: str, record: str) -> None:
        async with self._records.work(tenant) as work:
            found = await work.get(kind, record)
        if found is None:
            raise NotFound("There is no such record.", code="store.missing", remedy="Reload the list.")


def _folded(number: str) -> str:
    return number.strip().lower()


def _checked(number: str) -> str:
    folded = _folded(number)
    if not _NUMBER.fullmatch(folded):
        raise ConfigurationError(
            "An outside number is one word of 3 to 60 letters, digits and # . / : - with a digit in it.",
            code="record.invalid",
            field="number",
        )
    return folded
