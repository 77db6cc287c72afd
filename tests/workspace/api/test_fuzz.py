"""No generated call reads or changes another tenant's rows, and none fails on our side (SEC-04)."""

import asyncio
import gc
import os
import sys
import time

import aiosqlite
import pytest
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from hypothesis import HealthCheck, Phase, given, settings

from mailport_workspace.api.access import WorkspaceOf
from mailport_workspace.api.app import create_app
from mailport_workspace.sealing import new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tables import Inbox
from mailport_workspace.tenants import users
from mailport_workspace.workspace import Workspace
from tests.workspace.api.drawing import sequences
from tests.workspace.api.fuzzing import TINY_HASHER, World, settle_two

QUIET = {
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "derandomize": False,  # as hypothesis does in CI: every part would play the same
    "phases": [Phase.generate, Phase.shrink],
}
ALL = int(os.environ.get("MAILPORT_FUZZ_SEQUENCES", "2000"))
"""Sequences of the slow tier; by default what takes CI about a minute, see CONTRIBUTING.md."""

PARTS = max(4, ALL // 5000)


@pytest.fixture
def runner():
    """The event loop in which the workspace lives."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    """Let the database answer at once: the thread of each connection serves calls at the same time, and there are none."""

    async def at_once(self, function, *arguments, **options):
        return function(*arguments, **options)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", at_once)


@pytest.fixture
def workspace(runner, sqlite, tmp_path, monkeypatch):
    """A workspace on SQLite that hashes passwords at little cost."""
    monkeypatch.setattr(users, "_hasher", TINY_HASHER)
    (tmp_path / "mailport.db").write_bytes(sqlite.read_bytes())
    url = f"sqlite+aiosqlite:///{tmp_path / 'mailport.db'}"
    workspace = Workspace(WorkspaceSettings(database_url=url, keys=new_key("k")))
    yield workspace
    runner.run(workspace.close())


@pytest.fixture
def world(runner, workspace, tmp_path):
    """Two tenants with a row in every table."""
    path = tmp_path / "mailport.db"
    world = World(create_app(workspace), path, runner.run(settle_two(workspace, path)))
    gc.freeze()  # what is there already is not looked through at every collection
    yield world
    gc.unfreeze()
    world.close()


@pytest.fixture
def tell(capfd):
    """Say something to who waits, past what pytest keeps; the standard output of a worker of xdist leads nowhere."""

    def tell(said):
        with capfd.disabled():
            sys.stderr.write(f"{said}\n")
            sys.stderr.flush()

    return tell


def play(world, runner, examples, *, document=None, tell=lambda said: None):
    """Play that many sequences; tell of every thousand."""
    began = time.monotonic()

    @settings(max_examples=examples, **QUIET)
    @given(sequences(document or world.app.openapi()))
    def sequence(drawn_calls):
        runner.run(world.play(drawn_calls))
        if world.count.sequences % 1000 == 0:
            tell(f"{world.count} in {time.monotonic() - began:.0f} s")

    sequence()


def test_no_sequence_of_calls_passes_the_walls(world, runner):  # SEC-04
    """Both tenants call in turn, with ids of both: each sees and changes its own rows, and no answer is a failure of ours."""
    play(world, runner, 500)
    assert world.count.sequences >= 500
    assert world.count.statuses["2xx"] > world.count.calls / 3
    assert len(world.count.called) > 80


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_sequence_of_very_many_passes_the_walls(world, runner, part, tell, record_property):  # SEC-04
    """As many sequences as there is time for, in parts for all cores."""
    play(world, runner, ALL // PARTS, tell=lambda said: tell(f"part {part}: {said}"))
    tell(f"part {part} is done: {world.count}")
    record_property("played", str(world.count))
    assert world.count.sequences >= ALL // PARTS


broken = APIRouter()


@broken.get("/broken/shows")
async def _shows(workspace: WorkspaceOf):
    """Show every tenant's inboxes."""
    async with workspace.store.survey() as rows:
        return [inbox.name for inbox in await rows.sealed_rows(Inbox, after="", limit=100)]


@broken.get("/broken/streams")
async def _streams(workspace: WorkspaceOf):
    """Show every tenant's inboxes, one after the other."""

    async def names():
        for name in await _shows(workspace):
            yield name.encode()

    return StreamingResponse(names())


@broken.get("/broken/names")
async def _names(workspace: WorkspaceOf):
    """Name every tenant."""
    async with workspace.store.survey() as rows:
        return [tenant.id for tenant in await rows.tenants()]


@broken.post("/broken/changes")
async def _changes(workspace: WorkspaceOf):
    """Change every tenant's inboxes."""
    async with workspace.store.operate() as rows:
        for inbox in await rows.sealed_rows(Inbox, after="", limit=100):
            inbox.backlog += 1


@broken.delete("/broken/fails")
async def _fails():
    """Fail."""
    raise KeyError


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("shows", "rows are shown"),
        ("streams", "rows are shown"),
        ("names", "ids are shown"),
        ("changes", "rows changed"),
        ("fails", "500 for"),
    ],
)
def test_a_broken_wall_is_found(world, runner, path, said):
    """What the sequences look for, they find in routes that do it."""
    world.app.include_router(broken)
    document = world.app.openapi()
    document = document | {"paths": {f"/broken/{path}": document["paths"][f"/broken/{path}"]}}
    with pytest.raises(AssertionError, match=said):
        play(world, runner, 5, document=document)
