"""Which engine a deployment has."""

import asyncio
import multiprocessing
import subprocess
import sys
from types import SimpleNamespace

import pytest

from mailport.errors import ConfigurationError
from mailport_workspace.engines import choosing
from mailport_workspace.engines.choosing import engine_of
from mailport_workspace.engines.local import LocalEngine
from mailport_workspace.settings import WorkspaceSettings

SQLITE = "sqlite+aiosqlite:///mailport.db"
POSTGRES = "postgresql+psycopg://app:secret@localhost/mail"


def settings(url, engine=""):
    return WorkspaceSettings(database_url=url, engine=engine)


@pytest.mark.parametrize(("url", "name"), [(SQLITE, "LocalEngine"), (POSTGRES, "ProcrastinateEngine")])
def test_the_database_decides(url, name):
    """Without a setting SQLite has the engine in the process, PostgreSQL the distributed one."""
    engine = engine_of(settings(url))
    assert type(engine).__name__ == name
    assert "secret" not in repr(engine)


def test_an_unknown_engine_says_which_there_are():
    """The name that is set is repeated, and those that are installed are listed."""
    with pytest.raises(ConfigurationError) as error:
        engine_of(settings(SQLITE, "celery"))
    assert ("celery" in error.value.message, error.value.field) == (True, "engine")
    assert "local, procrastinate" in error.value.remedy


@pytest.mark.parametrize(("url", "name"), [(POSTGRES, "local"), (SQLITE, "procrastinate")])
def test_an_engine_refuses_a_database_that_it_cannot_work_on(url, name):
    """Whoever set both is told which one does not fit."""
    with pytest.raises(ConfigurationError) as error:
        engine_of(settings(url, name))
    assert (error.value.code, name in error.value.message) == ("settings.engine", True)


def test_an_engine_that_is_not_installed_names_the_extra(monkeypatch):
    """What cannot be imported is no crash."""

    def load():
        raise ModuleNotFoundError("No module named 'procrastinate'")

    monkeypatch.setattr(choosing, "entry_points", lambda group: [SimpleNamespace(name="procrastinate", load=load)])
    with pytest.raises(ConfigurationError) as error:
        engine_of(settings(POSTGRES))
    assert "mailport-workspace[postgres]" in error.value.remedy


def test_the_distributed_engine_is_imported_only_where_it_is_chosen():
    """The embedded deployment starts without it."""
    program = f"""if True:
        import sys
        from mailport_workspace.settings import WorkspaceSettings
        from mailport_workspace.engines.choosing import engine_of
        engine_of(WorkspaceSettings(database_url="{SQLITE}"))
        assert "procrastinate" not in sys.modules and "psycopg" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


async def test_a_database_file_has_one_worker(tmp_path):
    """A second engine on it refuses and says why; when the first has ended, it may."""
    database = tmp_path / "mailport.db"
    first, second = LocalEngine(database), LocalEngine(database)
    running = asyncio.create_task(first.run())
    await asyncio.sleep(0)
    with pytest.raises(ConfigurationError) as error:
        await asyncio.wait_for(second.run(), 20)
    assert (error.value.code, str(database) in error.value.message) == ("settings.engine_taken", True)
    await first.close()
    await running
    running = asyncio.create_task(second.run())
    await asyncio.sleep(0)
    await second.close()
    await running


def _work(database, running):
    async def run():
        engine = LocalEngine(database)
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0)
        running.set()
        await task

    asyncio.run(run())


async def test_the_lock_ends_with_its_process(tmp_path):
    """Another process is refused as well, and nothing must be cleared away after a `kill -9`."""
    database, context = tmp_path / "mailport.db", multiprocessing.get_context("spawn")
    running = context.Event()
    process = context.Process(target=_work, args=(database, running), daemon=True)
    process.start()
    assert running.wait(30)
    with pytest.raises(ConfigurationError):
        await asyncio.wait_for(LocalEngine(database).run(), 20)
    process.kill()
    process.join(30)
    heir = LocalEngine(database)
    task = asyncio.create_task(heir.run())
    await asyncio.sleep(0)
    await heir.close()
    await task


async def test_a_lock_that_cannot_be_made_is_told(tmp_path):
    """The folder of the database may be missing."""
    with pytest.raises(ConfigurationError) as error:
        await LocalEngine(tmp_path / "missing" / "mailport.db").run()
    assert error.value.code == "settings.unwritable"
