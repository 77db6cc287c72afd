"""A tenant's configuration as a document: taken out without secrets, put in with secrets that are entered anew (CFG-08)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mailport.errors import Problem
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import Tab, TabRow
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.configuration import Configurations
from mailport_workspace.tenants.inboxes import Inboxes
from mailport_workspace.tenants.values import MASK, problems_of, refuse, refuse_unstorable

__all__ = ["Transfer"]

FORMAT = 1
_OWN_HISTORY = frozenset({"id"})


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tab: Tab
    word: str = Field(min_length=1, max_length=500)
    meaning: str = ""


class _Document(BaseModel):
    """What is exported; ``secrets_needed`` names what an import asks for."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    format: int = Field(FORMAT, ge=FORMAT, le=FORMAT)
    configuration: dict[str, Any]
    inboxes: list[dict[str, Any]] = []
    tabs: list[_Row] = []
    secrets_needed: list[str] = []


class Transfer:
    """Export and import."""

    def __init__(self, store: Store, configurations: Configurations, inboxes: Inboxes) -> None:
        self._store = store
        self._configurations = configurations
        self._inboxes = inboxes

    async def export(self, actor: Actor) -> dict[str, Any]:
        """Return the configuration, inboxes and tabs of the actor's tenant: no secret, neither in clear nor sealed."""
        configuration = await self._configurations.read(actor)
        inboxes = await self._inboxes.list(actor)
        async with self._store.read(actor.tenant) as rows:
            tabs = [_Row(tab=row.tab, word=row.word, meaning=row.meaning) for row in await rows.tabs()]
        needed = [*_masked("configuration", configuration), *(n for i in inboxes for n in _masked(_place(i), i))]
        return _Document(
            configuration=_open(configuration), inboxes=[_open(inbox) for inbox in inboxes], tabs=tabs, secrets_needed=needed
        ).model_dump(mode="json")

    async def import_(self, actor: Actor, document: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        """Put a document into the actor's tenant, all of it or nothing; ``secrets`` are named as in ``secrets_needed``.

        Inboxes of the same name are replaced, others stay. They come disabled: two tenants must not read one mailbox by
        accident. Raises ``ConfigurationError`` that names every secret which is missing.
        """
        actor.require_administrator()
        refuse_unstorable(document)
        refuse(problems_of(_Document, document))
        read = _Document.model_validate(document)
        refuse(_missing(read.secrets_needed, secrets))
        async with self._store.write(actor.tenant) as rows:
            await self._configurations.save_in(rows, actor, read.configuration | _given("configuration", secrets))
            for inbox in read.inboxes:
                await self._put(rows, actor, inbox | _given(_place(inbox), secrets) | {"enabled": False})
            await rows.clear_tabs()
            await rows.add(*(TabRow(tab=row.tab, word=row.word, meaning=row.meaning) for row in read.tabs))

    async def _put(self, rows: TenantRows, actor: Actor, inbox: dict[str, Any]) -> None:
        there = await rows.inbox_named(str(inbox.get("name")))
        if there is not None:
            await self._inboxes.save_in(rows, actor, there.id, inbox)
            return
        made = await self._inboxes.create_in(rows, actor, inbox | {"link_person": False})
        if inbox.get("link_person"):  # can be set on a saved inbox only (INB-15)
            await self._inboxes.save_in(rows, actor, made, {"link_person": True})


def _place(inbox: Mapping[str, Any]) -> str:
    return f"inboxes.{inbox.get('name', '')}"


def _masked(place: str, shown: Mapping[str, Any]) -> Iterator[str]:
    return (f"{place}.{name}" for name, value in sorted(shown.items()) if value == MASK)


def _open(shown: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if value != MASK and name not in _OWN_HISTORY}


def _missing(needed: list[str], secrets: Mapping[str, str]) -> Iterator[Problem]:
    for name in needed:
        if not secrets.get(name):
            yield Problem(name, "settings.missing", f"The secret “{name}” must be entered.")


def _given(place: str, secrets: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix(f"{place}."): value for name, value in secrets.items() if name.rpartition(".")[0] == place}
