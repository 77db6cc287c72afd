"""The people who write to a tenant, each with what came from and went to them (INB-09)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from mailport_workspace.api.access import WorkspaceOf
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.paging import Page, PagingOf
from mailport_workspace.api.record_shapes import ActivityShown, PersonShown
from mailport_workspace.api.records import Reader
from mailport_workspace.api.shapes import Id, Text

__all__ = ["router"]

router = APIRouter(prefix="/people", tags=["people"], responses=can_fail_with(401, 403))


class PersonDetails(PersonShown):
    """A person with the latest entries of the history, the newest first; at most 100."""

    unit: str
    history: list[ActivityShown]


@router.get("")
async def list_people(
    actor: Reader, workspace: WorkspaceOf, paging: PagingOf, text: Annotated[Text, Field(max_length=200)] = ""
) -> Page[PersonShown]:
    """List people by address; ``text`` is a part of address or name."""
    with paging.asked():
        async with workspace.store.read(actor.tenant) as rows:
            found = await rows.people(text=text, after=paging.after, limit=paging.limit)
    return paging.page(found, lambda row: [row.email], PersonShown.model_validate)


@router.get("/{person}", responses=can_fail_with(404))
async def read_person(person: Id, actor: Reader, workspace: WorkspaceOf) -> PersonDetails:
    """Read a person with the history."""
    async with workspace.store.read(actor.tenant) as rows:
        row = await rows.person(person)
        entries = await rows.activities_of_person(person)
    history = [ActivityShown.model_validate(entry) for entry in entries]
    return PersonDetails(id=row.id, email=row.email, name=row.name, active=row.active, unit=row.unit, history=history)
