"""No generated call reads or changes another tenant's rows, and none fails on our side (SEC-04)."""

import asyncio
import time

import pytest
from fastapi import APIRouter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailport_workspace.api.access import WorkspaceOf
from mailport_workspace.api.app import create_app
from mailport_workspace.sealing import new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tables import Inbox
from mailport_workspace.tenants import users
from mailport_workspace.workspace import Workspace
from tests.workspace.api.drawing import calls
from tests.workspace.api.fuzzing import TINY_HASHER, World, settle_two

LONGEST = 5
QUIET = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.fixture
def runner():
    """The event loop in which the workspace lives."""
    with asyncio.Runner() as runner:
        yield runner


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
    yield world
    world.close()


def play(world, runner, examples, drawn=None):
    """Play that many sequences."""

    @settings(max_examples=examples, **QUIET)
    @given(st.lists(drawn if drawn is not None else calls(world.app.openapi()), min_size=1, max_size=LONGEST))
    def sequence(drawn_calls):
        runner.run(world.play(drawn_calls))

    sequence()


def test_no_sequence_of_calls_passes_the_walls(world, runner):  # SEC-04
    """Two tenants call in turn, with ids of both: each sees and changes its own rows, and no answer is a failure of ours."""
    play(world, runner, 500)
    assert world.count.sequences >= 500
    assert world.count.good > world.count.calls / 10


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_no_sequence_of_very_many_passes_the_walls(world, runner, part, record_property):  # SEC-04
    """A hundred thousand sequences in all, a tenth in each part."""
    began = time.monotonic()
    play(world, runner, 10_000)
    record_property("sequences", world.count.sequences)
    record_property("calls", world.count.calls)
    print(f"part {part}: {vars(world.count)} in {time.monotonic() - began:.0f} s")  # noqa: T201 - the figures of a long run
    assert world.count.sequences >= 10_000


broken = APIRouter()


@broken.get("/broken/shows")
async def _shows(workspace: WorkspaceOf):
    """Show every tenant's inboxes."""
    async with workspace.store.survey() as rows:
        return [inbox.name for inbox in await rows.sealed_rows(Inbox, after="", limit=100)]


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
    [("shows", "rows are shown"), ("names", "ids are shown"), ("changes", "rows changed"), ("fails", "500 for")],
)
def test_a_broken_wall_is_found(world, runner, path, said):
    """What the sequences look for, they find in routes that do it."""
    world.app.include_router(broken)
    document = world.app.openapi()
    document = document | {"paths": {f"/broken/{path}": document["paths"][f"/broken/{path}"]}}
    with pytest.raises(AssertionError, match=said):
        play(world, runner, 5, calls(document))
