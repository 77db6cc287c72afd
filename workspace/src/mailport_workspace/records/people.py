"""The people who write to a tenant, as the embedded store knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailport_workspace.records.interface import PersonView
from mailport_workspace.tables import Person
from mailport_workspace.tenants.options import options_of

if TYPE_CHECKING:
    from mailport_workspace.store import TenantRows

__all__ = ["known_person", "make_person", "person_view"]

_LONGEST_NAME = 300


async def known_person(rows: TenantRows, email: str) -> PersonView | None:
    """Return who writes under that address, in whatever case."""
    row = await rows.person_with(_folded(email))
    return person_view(row) if row is not None else None


async def make_person(rows: TenantRows, email: str, name: str) -> PersonView:
    """Make an inactive person in the tenant's default unit, or return the one that is there (INB-11)."""
    unit = options_of(await rows.tenant()).default_unit
    row = await rows.ensure_person(Person(email=_folded(email), name=name[:_LONGEST_NAME], unit=unit, active=False))
    return person_view(row)


def person_view(row: Person) -> PersonView:
    """Return a person as everybody sees it."""
    return PersonView(id=row.id, email=row.email, name=row.name, active=row.active)


def _folded(email: str) -> str:
    return email.strip().lower()
