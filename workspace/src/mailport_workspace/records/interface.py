"""What the workspace asks of a record store: find, create, update, attach; and the people who write.

Everything that changes is idempotent by its ``key``: work that was cut off is done again from the beginning, and must not make
a second record. ``RecordWork.settle`` ends the work: the embedded store commits the records and what ``finish`` writes in one
transaction; a store elsewhere has carried out its calls by then, and only what ``finish`` writes is committed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mailport import Attachment
from mailport_workspace.tables import ActivityKind

if TYPE_CHECKING:
    from mailport_workspace.store import TenantRows

__all__ = ["AttachedMail", "PersonView", "RecordKind", "RecordRef", "RecordStore", "RecordView", "RecordWork"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRef:
    """A record: its type (``incident``), the store's id, and the number that people use."""

    type: str
    id: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView(RecordRef):
    """A record as it is. ``is_final`` says that its state is an end; ``person`` is the id of whom it is linked to."""

    state: str
    title: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    is_final: bool = False
    person: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """Somebody the store knows."""

    id: str
    email: str
    name: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordKind:
    """A type of record: its fields in order, those that must have a value, and the states that are an end.

    ``labels`` are those of the fields, by name; ``creatable`` says whether mail may create one; ``title_field``,
    ``assignee_field`` and ``approver_field`` name the fields that title it and hold whom it waits for, or are empty.
    """

    name: str
    label: str
    fields: tuple[str, ...]
    mandatory: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    final_states: tuple[str, ...] = ()
    creatable: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    title_field: str = ""
    assignee_field: str = ""
    approver_field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedMail:
    """A mail as a record keeps it. ``raw_id`` names the stored bytes where the complete original is kept (CMP-07)."""

    journal_id: str
    kind: ActivityKind
    sender: str
    subject: str
    text: str
    at: datetime
    attachments: tuple[Attachment, ...] = ()
    raw_id: str | None = None


class RecordWork(ABC):
    """One piece of work on the records of one tenant."""

    @abstractmethod
    async def kinds(self) -> Mapping[str, RecordKind]:
        """Return the types of records, by name."""

    @abstractmethod
    async def find(self, kind: str, value: str, *, by: str = "number") -> RecordView | None:
        """Return the record whose field ``by`` has the value; numbers and texts are compared without regard to case."""

    @abstractmethod
    async def get(self, kind: str, record: str) -> RecordView | None:
        """Return the record with that id."""

    @abstractmethod
    async def create(
        self,
        kind: str,
        fields: Mapping[str, Any],
        *,
        key: str,
        title: str = "",
        person: str | None = None,
    ) -> RecordView:
        """Make a record, or return the one that ``key`` made. Raises ``ConfigurationError`` naming each missing field."""

    @abstractmethod
    async def update(
        self, record: RecordRef, fields: Mapping[str, Any], *, key: str, state: str = "", reason: str = "", author: str = ""
    ) -> RecordView:
        """Change fields, and the state where one is given, with ``reason`` in the history."""

    @abstractmethod
    async def attach(self, record: RecordRef, mail: AttachedMail, *, person: str | None = None) -> None:
        """Put a mail into the history of the record, and of the person; its journal id is the key (INB-09)."""

    @abstractmethod
    async def person(self, email: str) -> PersonView | None:
        """Return who writes under that address."""

    @abstractmethod
    async def create_person(self, email: str, name: str) -> PersonView:
        """Make a person in the default organisational unit, inactive, or return the one that is there (INB-11)."""

    @abstractmethod
    async def settle(self, finish: Callable[[TenantRows], Awaitable[None]]) -> None:
        """End the work: run ``finish`` in the transaction that makes it count; without it the embedded store keeps nothing."""


class RecordStore(ABC):
    """Where the records of tenants live."""

    @abstractmethod
    def work(self, tenant: str) -> AbstractAsyncContextManager[RecordWork]:
        """Begin a piece of work for one tenant."""

    async def for_batch(self, tenant: str) -> RecordStore:  # noqa: ARG002 - a store may have nothing to read before
        """Return the store for the mails of one batch, which may read once what the tenant decides about its records."""
        return self
