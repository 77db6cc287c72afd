"""The small tables below the server form."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import can_fail_with
from mailport_workspace.api.shapes import Id, Input, Text
from mailport_workspace.tables import Tab
from mailport_workspace.tenants.actor import Actor

__all__ = ["router"]

router = APIRouter(prefix="/tabs", tags=["tabs"], responses=can_fail_with(401, 403))

Reader = Annotated[Actor, allowed(Scope.CONFIGURATION_READ)]
Writer = Annotated[Actor, allowed(Scope.CONFIGURATION_WRITE)]


class RowForm(Input):
    """A row: a word, and what it stands for where the tab has that."""

    word: Annotated[Text, Field(max_length=500, examples=["accepted"])]
    meaning: Annotated[Text, Field(max_length=20_000)] = ""


class RowChange(Input):
    """What shall change; what is left out stays."""

    word: Annotated[Text, Field(max_length=500)] | None = None
    meaning: Annotated[Text, Field(max_length=20_000)] | None = None


class Row(BaseModel):
    """A row of a tab."""

    id: str
    word: str
    meaning: str


class Rows(BaseModel):
    """A tab: its rows, and what the meaning of one may be (of templates: what its word may be); empty for free text."""

    rows: list[Row]
    choices: list[str]


class NewId(BaseModel):
    """The id of what was made."""

    id: str


@router.get("/{tab}")
async def read_tab(tab: Tab, actor: Reader, workspace: WorkspaceOf) -> Rows:
    """Return the rows of a tab."""
    rows = [Row.model_validate(row) for row in await workspace.tabs.list(actor, tab)]
    return Rows(rows=rows, choices=list(await workspace.tabs.choices(actor, tab)))


@router.post("/{tab}", status_code=201, responses=can_fail_with(409))
async def add_row(tab: Tab, form: RowForm, actor: Writer, workspace: WorkspaceOf) -> NewId:
    """Add a row."""
    return NewId(id=await workspace.tabs.add(actor, tab, form.word, form.meaning))


@router.patch("/rows/{row}", status_code=204, responses=can_fail_with(404, 409))
async def change_row(row: Id, form: RowChange, actor: Writer, workspace: WorkspaceOf) -> None:
    """Change a row."""
    await workspace.tabs.change(actor, row, word=form.word, meaning=form.meaning)


@router.delete("/rows/{row}", status_code=204, responses=can_fail_with(404))
async def remove_row(row: Id, actor: Writer, workspace: WorkspaceOf) -> None:
    """Delete a row."""
    await workspace.tabs.remove(actor, row)
