"""Data import connections: the stylesheets by which records are made of exported mail (XML-02)."""

from __future__ import annotations

from collections.abc import Sequence

from mailport.errors import Problem
from mailport_workspace.processing.xml import check_stylesheet
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import ImportConnection, new_id, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields
from mailport_workspace.tenants.values import refuse, refuse_unstorable

__all__ = ["Imports"]

_LONGEST_NAME = 200


class Imports:
    """The import connections of all tenants."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(self, actor: Actor) -> Sequence[dict[str, str]]:
        """Return the connections by name: ``id``, ``name`` and ``stylesheet``."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            return [{"id": row.id, **_shown(row)} for row in await rows.import_connections()]

    async def add(self, actor: Actor, name: str, stylesheet: str) -> str:
        """Store a new connection; return its id. Raises ``ConfigurationError`` at ``name`` or ``stylesheet``."""
        actor.require_administrator()
        _check(name, stylesheet)
        row = ImportConnection(id=new_id(), name=name.strip(), stylesheet=stylesheet)
        async with self._store.write(actor.tenant) as rows:
            await _refuse_taken(rows, row)
            await rows.add(row, *changed_fields(actor, f"import connection {row.name}", {}, _shown(row)))
        return row.id

    async def change(self, actor: Actor, connection: str, *, name: str | None = None, stylesheet: str | None = None) -> None:
        """Store a changed connection; what is not given keeps its value."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            row = await rows.import_connection(connection, for_update=True)
            before = _shown(row)
            row.name = row.name if name is None else name.strip()
            row.stylesheet = row.stylesheet if stylesheet is None else stylesheet
            row.updated_at = now()
            _check(row.name, row.stylesheet)
            await _refuse_taken(rows, row)
            await rows.add(*changed_fields(actor, f"import connection {row.name}", before, _shown(row)))

    async def remove(self, actor: Actor, connection: str) -> None:
        """Delete a connection; the mail of an inbox that names it fails from then on, and is kept."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            row = await rows.import_connection(connection)
            await rows.add(*changed_fields(actor, f"import connection {row.name}", _shown(row), {}))
            await rows.remove(row)


def _check(name: str, stylesheet: str) -> None:
    refuse_unstorable({"name": name, "stylesheet": stylesheet})
    if not 0 < len(name.strip()) <= _LONGEST_NAME:
        refuse([Problem("name", "settings.invalid", f"A name has 1 to {_LONGEST_NAME} characters.")])
    check_stylesheet(stylesheet)


async def _refuse_taken(rows: TenantRows, row: ImportConnection) -> None:
    if any(other.name == row.name and other.id != row.id for other in await rows.import_connections()):
        refuse([Problem("name", "settings.taken", f"There is an import connection “{row.name}” already.")])


def _shown(row: ImportConnection) -> dict[str, str]:
    return {"name": row.name, "stylesheet": row.stylesheet}
