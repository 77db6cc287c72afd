"""Templates that people fill in: the fields of a type of record, with the separators of an inbox (TPL-09, TPL-10)."""

from __future__ import annotations

from collections.abc import Mapping

from mailport.errors import NotFound
from mailport.policies.templates import READY, produce
from mailport_workspace.records.interface import RecordKind, RecordStore
from mailport_workspace.store import Store
from mailport_workspace.tables import Tab
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.handling import Handling, handling_of

__all__ = ["Templates", "template_fields"]


class Templates:
    """Produces the templates of all tenants; everybody of a tenant may have them."""

    def __init__(self, store: Store, records: RecordStore) -> None:
        self._store = store
        self._records = records

    async def produce(self, actor: Actor, record_type: str, *, inbox: str = "", records: int = 1) -> str:
        """Return the template of a type: the tenant's own text, or its mandatory fields with the separators of ``inbox``.

        Raises ``NotFound`` for a type or inbox that is not there.
        """
        async with self._records.work(actor.tenant) as work:
            kinds = await work.kinds()
        async with self._store.read(actor.tenant) as rows:
            own = {row.word: row.meaning for row in await rows.tab(Tab.TEMPLATES)}
            handling = handling_of(await rows.inbox(inbox)) if inbox else Handling(name="any")
        if own.get(record_type):
            return own[record_type]
        fields = template_fields(_kind(kinds, record_type))
        return produce(fields, handling.field_separator, handling.record_marker, records=records)


def template_fields(kind: RecordKind) -> tuple[str, ...]:
    """Return the labels of the mandatory fields, and those of the ready template where the type has one."""
    by_label = {kind.labels.get(name, name).casefold(): name for name in kind.fields}
    ready = [by_label[label.casefold()] for label in READY.get(kind.name, ()) if label.casefold() in by_label]
    return tuple(kind.labels.get(name, name) for name in dict.fromkeys((*kind.mandatory, *ready)))


def _kind(kinds: Mapping[str, RecordKind], name: str) -> RecordKind:
    if name not in kinds:
        raise NotFound(f"There is no type of record “{name[:100]}”.", code="store.missing", remedy="Choose a type that exists.")
    return kinds[name]
