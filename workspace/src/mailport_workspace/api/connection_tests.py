"""Test Connection: a worker runs it, and this tells how far it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.access import WorkspaceOf, allowed
from mailport_workspace.api.errors import below, can_fail_with
from mailport_workspace.api.shapes import Form, Id, Input
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.connection_tests import LOST, NEW_INBOX, OUTGOING, Progress
from mailport_workspace.workspace import Workspace

__all__ = ["router"]

router = APIRouter(prefix="/connection-tests", tags=["connection tests"], responses=can_fail_with(401, 403))

LOOK = 0.5
"""Seconds between two looks at how far a test is."""

Reader = Annotated[Actor, allowed(Scope.CONFIGURATION_READ)]
Writer = Annotated[Actor, allowed(Scope.CONFIGURATION_WRITE)]

_SUBJECT = rf"^({OUTGOING}|{NEW_INBOX}|[0-9a-f]{{32}})$"
_STORED = rf"^({OUTGOING}|[0-9a-f]{{32}})$"
Stored = Annotated[str, Path(pattern=_STORED, description="`outgoing`, or the id of an inbox.", examples=[OUTGOING])]


class Wish(Input):
    """What is to be tested: stored settings, or those of a form that is not saved.

    ``subject`` is ``outgoing``, the id of an inbox, or ``new`` for an inbox that is not stored yet. With ``round_trip`` the
    test mail is looked for in the inbox of the same mailbox.
    """

    subject: Annotated[str, Field(pattern=_SUBJECT, examples=[OUTGOING])]
    settings: Form | None = None
    round_trip: bool = False


class Announcement(BaseModel):
    """What a test will do."""

    text: str


class Test(BaseModel):
    """A test: ``waiting``, ``running`` or ``finished``; ``report`` has ``passed`` and the ``rungs`` so far."""

    id: str
    subject: str
    state: str
    report: dict[str, Any]
    created_at: datetime
    finished_at: datetime | None


@router.post("/announcement", responses=can_fail_with(404))
async def announce_test(wish: Wish, actor: Writer, workspace: WorkspaceOf) -> Announcement:
    """Say what a test will do, before it does it."""
    with below(_in_settings):
        return Announcement(text=await workspace.connection_tests.announcement(actor, wish.subject, wish.settings))


@router.post("", status_code=202, responses=can_fail_with(404, 429))
async def start_test(wish: Wish, response: Response, actor: Writer, workspace: WorkspaceOf) -> Test:
    """Ask a worker to test a connection."""
    with below(_in_settings):
        asked = await workspace.connection_tests.ask(actor, wish.subject, wish.settings, round_trip=wish.round_trip)
    response.headers["Location"] = f"/api/v1/connection-tests/{asked}"
    return _shown(await workspace.connection_tests.read(actor, asked))


@router.get("/{test}", responses=can_fail_with(404))
async def read_test(test: Id, actor: Reader, workspace: WorkspaceOf) -> Test:
    """Say how far a test is."""
    return _shown(await workspace.connection_tests.read(actor, test))


@router.get(
    "/{test}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Events."}, **can_fail_with(404)},
)
async def follow_test(test: Id, actor: Reader, workspace: WorkspaceOf) -> StreamingResponse:
    """Tell every rung as it comes (event `rung`), and at the end the whole test (event `finished`)."""
    first = await workspace.connection_tests.read(actor, test)
    return StreamingResponse(_events(workspace, actor, first), media_type="text/event-stream")


@router.get("/results/{subject}", responses=can_fail_with(404))
async def read_last_result(subject: Stored, actor: Reader, workspace: WorkspaceOf) -> dict[str, Any]:
    """Return the result of the last test, empty if there is none."""
    return await workspace.connection_tests.last(actor, subject)


@router.delete("/results/{subject}", status_code=204, responses=can_fail_with(404))
async def clear_last_result(subject: Stored, actor: Writer, workspace: WorkspaceOf) -> None:
    """Empty the last result, and change nothing else."""
    await workspace.connection_tests.clear(actor, subject)


def _in_settings(field: str) -> Sequence[str]:
    return ("settings", field)


async def _events(workspace: Workspace, actor: Actor, progress: Progress) -> AsyncIterator[str]:
    """Yield what is new at each look; a comment in between keeps proxies from hanging up."""
    told = 0
    for _ in range(int(LOST.total_seconds() / LOOK)):
        rungs = progress.report.get("rungs", [])
        for rung in rungs[told:]:
            yield _event("rung", rung)
        told = len(rungs)
        if progress.finished_at is not None:
            yield _event("finished", _shown(progress).model_dump(mode="json"))
            return
        yield ": waiting\n\n"
        await asyncio.sleep(LOOK)
        progress = await workspace.connection_tests.read(actor, progress.id)


def _event(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _shown(progress: Progress) -> Test:
    return Test.model_validate(progress, from_attributes=True)
