"""The small tables below the server form: rows that are listed, added, changed and removed, each checked at its field.

What a row's meaning is depends on the tab: a status of tasks or approvals, a type of record, allow or deny, the text of a
template, or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mailport.address import Address
from mailport.errors import ConfigurationError, Problem
from mailport_workspace.processing.recognising import ALLOW, DENY
from mailport_workspace.records.interface import RecordKind, RecordStore
from mailport_workspace.store import Store, TenantRows
from mailport_workspace.tables import Tab, TabRow, new_id
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields
from mailport_workspace.tenants.values import refuse, refuse_unstorable

__all__ = ["Tabs"]

Kinds = Mapping[str, RecordKind]

_LONGEST_WORD = 500
_LONGEST_MEANING = 20_000
_MOST_ROWS = 2_000


class Tabs:
    """The tabs of all tenants. ``records`` knows the types of records and their statuses."""

    def __init__(self, store: Store, records: RecordStore) -> None:
        self._store = store
        self._records = records

    async def list(self, actor: Actor, tab: Tab) -> Sequence[dict[str, str]]:
        """Return the rows of a tab, by word: ``id``, ``word`` and ``meaning``."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            return [{"id": row.id, **_shown(row)} for row in await rows.tab(tab)]

    async def choices(self, actor: Actor, tab: Tab) -> Sequence[str]:
        """Return what the meaning of a row may be; empty where it is free text, or nothing."""
        actor.require_administrator()
        return list(_CHOICES[tab](await self._kinds(actor.tenant)) if tab in _CHOICES else ())

    async def add(self, actor: Actor, tab: Tab, word: str, meaning: str = "") -> str:
        """Store a new row; return its id. Raises ``ConfigurationError`` at ``word`` or ``meaning``."""
        actor.require_administrator()
        row = TabRow(id=new_id(), tab=tab, **await self._checked(actor, tab, word, meaning))
        async with self._store.write(actor.tenant) as rows:
            await _refuse_taken(rows, row)
            await rows.add(row, *changed_fields(actor, _subject(row), {}, _shown(row)))
        return row.id

    async def change(self, actor: Actor, row_id: str, *, word: str | None = None, meaning: str | None = None) -> None:
        """Store a changed row; what is not given keeps its value."""
        actor.require_administrator()
        async with self._store.read(actor.tenant) as rows:
            old = await rows.tab_row(row_id)
        values = await self._checked(
            actor, old.tab, old.word if word is None else word, old.meaning if meaning is None else meaning
        )
        async with self._store.write(actor.tenant) as rows:
            row = await rows.tab_row(row_id, for_update=True)
            before = _shown(row)
            row.word, row.meaning = values["word"], values["meaning"]
            await _refuse_taken(rows, row)
            await rows.add(*changed_fields(actor, _subject(row), before, _shown(row)))

    async def remove(self, actor: Actor, row_id: str) -> None:
        """Delete a row."""
        actor.require_administrator()
        async with self._store.write(actor.tenant) as rows:
            row = await rows.tab_row(row_id)
            await rows.add(*changed_fields(actor, _subject(row), _shown(row), {}))
            await rows.remove(row)

    async def _checked(self, actor: Actor, tab: Tab, word: str, meaning: str) -> dict[str, str]:
        refuse_unstorable({"word": word, "meaning": meaning})
        kinds = await self._kinds(actor.tenant) if tab in _CHOICES else {}
        values = {"word": word.strip(), "meaning": meaning if tab is Tab.TEMPLATES else meaning.strip()}
        if tab in _CHOICES:
            values["meaning"] = _spelt(values["meaning"], _CHOICES[tab](kinds))
        if tab in (Tab.TEMPLATES, Tab.SENDERS):
            values["word"] = values["word"].lower()
        refuse(_problems(tab, values, kinds))
        return values

    async def _kinds(self, tenant: str) -> Kinds:
        async with self._records.work(tenant) as work:
            return await work.kinds()


def _statuses(kind: str) -> Callable[[Kinds], Sequence[str]]:
    return lambda kinds: kinds[kind].states if kind in kinds else ()


_CHOICES: Mapping[Tab, Callable[[Kinds], Sequence[str]]] = {
    Tab.TASK_KEYWORDS: _statuses("task"),
    Tab.APPROVAL_KEYWORDS: _statuses("approval"),
    Tab.OBJECT_NAMES: tuple,
    Tab.SENDERS: lambda _: (ALLOW, DENY),
    Tab.TEMPLATES: tuple,
}
"""What a row may mean; of a template, what its word may be."""


def _spelt(meaning: str, choices: Sequence[str]) -> str:
    """Return the meaning as it is spelt among the choices."""
    folded = re.sub(r"[\s-]+", "_", meaning.casefold())
    return next((choice for choice in choices if choice.casefold() in (folded, meaning.casefold())), meaning)


def _problems(tab: Tab, values: Mapping[str, str], kinds: Kinds) -> Iterator[Problem]:
    word, meaning = values["word"], values["meaning"]
    if not word:
        yield Problem("word", "settings.missing", "A row needs a text.")
    elif len(word) > _LONGEST_WORD:
        yield _wrong("word", f"A text has at most {_LONGEST_WORD} characters.")
    elif said := _wrong_word(tab, word):
        yield _wrong("word", said)
    if tab in _CHOICES:
        field = "word" if tab is Tab.TEMPLATES else "meaning"
        choices = _CHOICES[tab](kinds)
        if values[field] not in choices:
            yield _wrong(field, f"“{values[field][:100]}” is none of: {', '.join(choices)}.")
    elif meaning:
        yield _wrong("meaning", "A row of this tab is a text only.")
    if len(meaning) > _LONGEST_MEANING:
        yield _wrong("meaning", f"It has at most {_LONGEST_MEANING} characters.")


def _wrong_word(tab: Tab, word: str) -> str:
    if tab in (Tab.IGNORED_SUBJECTS, Tab.FAILURE_SUBJECTS) and not word.strip("* "):
        return "An entry of nothing but asterisks would fit every mail."
    if tab in (Tab.TASK_KEYWORDS, Tab.APPROVAL_KEYWORDS) and not re.fullmatch(r"[^\W_]+(?:[-'\u2019][^\W_]+)*", word):
        return "A keyword is one word: it is compared with the first word of the mail."
    if tab is Tab.OBJECT_NAMES and not any(letter.isalpha() for letter in word):
        return "The name of an object has letters."
    return _wrong_sender(word) if tab is Tab.SENDERS else ""


def _wrong_sender(word: str) -> str:
    """Say what is wrong with what is neither an address, nor a domain, nor a domain with everything below it."""
    try:
        Address(word if "@" in word.strip("@") else f"somebody@{word.removeprefix('@').removeprefix('*').removeprefix('.')}")
    except ConfigurationError:
        return "Write an address, a domain such as example.org, or *.example.org for everything below it."
    return ""


def _wrong(field: str, said: str) -> Problem:
    return Problem(field, "settings.invalid", said)


async def _refuse_taken(rows: TenantRows, row: TabRow) -> None:
    others = [other for other in await rows.tab(row.tab) if other.id != row.id]
    if any(other.word.casefold() == row.word.casefold() for other in others):
        refuse([Problem("word", "settings.taken", f"There is a row “{row.word[:100]}” already.")])
    if len(others) >= _MOST_ROWS:
        refuse([_wrong("word", f"A tab has at most {_MOST_ROWS} rows.")])


def _subject(row: TabRow) -> str:
    return f"{row.tab.replace('_', ' ')}: {row.word}"[:300]


def _shown(row: TabRow) -> dict[str, Any]:
    return {"word": row.word, "meaning": row.meaning}
