"""What the distributed engine survives: dead workers and a dead database."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from mailport.errors import ConfigurationError
from mailport_workspace.database import make_engine, migrate
from mailport_workspace.engines.procrastinate import ProcrastinateEngine
from tests.conftest import peer
from tests.workspace.engines.conftest import until

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def processes(database, tmp_path):
    """Starts worker processes whose job takes so many seconds; they are killed at the end."""
    started = []

    def start(seconds):
        started.append(peer("engine_process").EngineProcess(database.application, tmp_path / "log", seconds))
        return started[-1]

    yield start
    for process in started:
        process.kill()


async def _rows(database):
    """How many jobs the engine has in each state."""
    engine = make_engine(database.owner)
    async with engine.connect() as connection:
        found = await connection.execute(text("SELECT status::text FROM mailport_engine.procrastinate_jobs"))
        states = Counter(found.scalars())
    await engine.dispose()
    return states


@pytest.mark.parametrize("is_waiting", [False, True])
async def test_the_jobs_of_a_killed_worker_go_to_another(engines, processes, database, is_waiting):
    """Also where a newer job of the same key waits already: then that one is run, and the lost one is dropped."""
    first = processes(30)
    engine = engines.make()
    await engine.enqueue("note", "a")
    await until(lambda: first.lines("begin", of=first.process.pid))
    if is_waiting:
        assert await engine.enqueue("note", "a") is True
    second = processes(0)
    first.kill()
    await until(lambda: second.lines("end", of=second.process.pid), patience=40)
    await engine.close()
    assert sum((await _rows(database)).values()) <= 1  # the end of the last one is noted right after it


async def test_two_processes_never_run_one_key_at_once(engines, processes):
    """However often it is asked for, beginnings and ends alternate."""
    first, _ = processes(0.05), processes(0.05)
    engine = engines.make()
    async with asyncio.timeout(40):
        while len(first.lines("end")) < 12:
            await engine.enqueue("note", "a")
            await asyncio.sleep(0.02)
    await until(lambda: len(first.lines("end")) == len(first.lines("begin")))
    await engine.close()
    words = [line.split()[0] for line in first.log.read_text().splitlines()]
    assert words == ["begin", "end"] * (len(words) // 2)


async def test_a_restart_of_the_database_is_survived(engines, postgres, caplog):
    """What is asked for meanwhile is refused and logged, not raised; afterwards every key can be worked on again."""
    runs, engine = Counter(), engines.make(drain_limit=5)

    async def job(key):
        await asyncio.sleep(1)
        runs[key] += 1

    engine.job("drain", job)
    async with engines.work(engine):
        await engine.enqueue("drain", "a")
        await asyncio.sleep(0.5)
        postgres.crash()
        assert await engine.enqueue("drain", "b") is False
        postgres.start()
        await until(lambda: runs["a"])
        async with asyncio.timeout(40):
            while runs["a"] < 2 or not runs["b"]:
                for key in "ab":
                    await engine.enqueue("drain", key)
                await asyncio.sleep(0.1)
    assert "could not be asked for" in caplog.text


async def test_nothing_is_left_of_finished_jobs(engines, database, caplog):
    """The engine's table stays small: what succeeded, failed or was cut off is deleted."""
    begun, engine = [], engines.make(drain_limit=0)

    async def job(key):
        begun.append(key)
        if key == "bad":
            raise RuntimeError("broken on purpose")
        await asyncio.sleep(60 if key == "long" else 0)

    engine.job("drain", job)
    async with engines.work(engine):
        for key in ("good", "bad", "long"):
            await engine.enqueue("drain", key)
        await until(lambda: len(begun) == 3)
        await asyncio.sleep(0.2)
    assert await _rows(database) == {}


async def test_one_role_is_enough(engines, postgres, database):
    """Where one role owns and works, the engine's tables are its own."""
    url = postgres.url("owner", postgres.create())
    for _ in range(2):  # the second time changes nothing
        await migrate(url)
    engine = ProcrastinateEngine(make_url(url))
    assert await engine.enqueue("drain", "a") is True
    await engine.close()


async def test_a_database_without_its_tables_is_refused(engines, postgres, database):
    """Whoever starts a worker there is told to migrate, instead of waiting for ever."""
    engine = ProcrastinateEngine(make_url(postgres.url("owner", postgres.create())))
    async with asyncio.timeout(20):
        with pytest.raises(ConfigurationError) as error:
            await engine.run()
    assert "migrate" in error.value.remedy
    await engine.close()
