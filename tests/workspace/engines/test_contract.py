"""What every engine promises: the same tests for all of them."""

import asyncio
from collections import Counter

import pytest

from tests.workspace.engines.conftest import until


class Work:
    """A job that can be watched: what runs now, what was the most at once, how often each key ran."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds
        self.now, self.most, self.runs = Counter(), Counter(), Counter()
        self.cancelled = 0

    async def __call__(self, key):
        self.now[key] += 1
        self.most[key] = max(self.most[key], self.now[key])
        try:
            await asyncio.sleep(self.seconds)
            self.runs[key] += 1
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.now[key] -= 1

    @property
    def is_busy(self):
        return self.now.total() > 0


async def test_a_job_runs_with_its_key(engines):
    """What is asked for runs, once."""
    work, engine = Work(), engines.make()
    engine.job("drain", work)
    async with engines.work(engine):
        assert await engine.enqueue("drain", "a") is True
        await until(lambda: work.runs["a"])
    assert work.runs == {"a": 1}


async def test_what_was_asked_for_before_the_start_runs(engines):
    """A job may be asked for before anybody works; asked for twice, it waits once."""
    work, engine = Work(), engines.make()
    engine.job("drain", work)
    assert [await engine.enqueue("drain", "a") for _ in range(3)] == [True, False, False]
    async with engines.work(engine):
        await until(lambda: work.runs["a"])
    assert work.runs == {"a": 1}


async def test_one_runs_and_one_waits(engines):
    """While a job runs, one more waits for its end and no third: what came in meanwhile is seen by the second."""
    work, engine = Work(0.3), engines.make()
    engine.job("drain", work)
    async with engines.work(engine):
        await engine.enqueue("drain", "a")
        await until(lambda: work.is_busy)
        assert [await engine.enqueue("drain", "a") for _ in range(3)] == [True, False, False]
        await until(lambda: work.runs["a"] == 2)
        await asyncio.sleep(0.5)
    assert (work.runs["a"], work.most["a"]) == (2, 1)


async def test_never_two_of_one_key_under_load(engines):
    """Twenty askers, five keys, two kinds: never two of a kind and key at once, and other keys do not wait."""
    works, engine = {kind: Work(0.02) for kind in ("drain", "poll")}, engines.make(concurrency=8)
    for kind, work in works.items():
        engine.job(kind, work)

    async def ask(number):
        for turn in range(10):
            await engine.enqueue(("drain", "poll")[turn % 2], str((number + turn) % 5))

    async with engines.work(engine):
        await asyncio.gather(*(ask(number) for number in range(20)))
        await until(lambda: all(set(work.runs) == set("01234") for work in works.values()))
    assert all(set(work.most.values()) == {1} for work in works.values())


async def test_no_wake_up_is_lost(engines):
    """Whatever is done before a job is asked for is seen by a run that begins afterwards."""
    done, seen, engine = Counter(), Counter(), engines.make()

    async def look(key):
        await asyncio.sleep(0)
        seen[key] = done[key]
        await asyncio.sleep(0.005)

    engine.job("look", look)
    async with engines.work(engine):
        for _ in range(60):
            done["a"] += 1
            await engine.enqueue("look", "a")
            await asyncio.sleep(0.004)
        await until(lambda: seen["a"] == done["a"])


async def test_a_failing_job_is_logged_and_harms_no_other(engines, caplog):
    """Its key can be asked for again, and the other keys never notice."""
    engine, runs = engines.make(), Counter()

    async def fail(key):
        runs[key] += 1
        if key == "bad":
            raise RuntimeError("broken on purpose")

    engine.job("drain", fail)
    async with engines.work(engine):
        for key in ("bad", "good"):
            await engine.enqueue("drain", key)
        await until(lambda: runs == {"bad": 1, "good": 1})
        await asyncio.sleep(0.05)
        await engine.enqueue("drain", "bad")
        await until(lambda: runs["bad"] == 2)
    assert "broken on purpose" in caplog.text


async def test_closing_lets_a_job_finish(engines):
    """What runs may end within the drain limit."""
    work, engine = Work(0.4), engines.make(drain_limit=10)
    engine.job("drain", work)
    async with engines.work(engine):
        await engine.enqueue("drain", "a")
        await until(lambda: work.is_busy)
    assert (work.runs["a"], work.cancelled, work.is_busy) == (1, 0, False)


async def test_closing_gives_back_what_takes_too_long(engines):
    """After the drain limit the job is cancelled, so that it can give back what it holds; its key is free for others."""
    work, engine = Work(60), engines.make(drain_limit=0.1)
    engine.job("drain", work)
    async with engines.work(engine):
        await engine.enqueue("drain", "a")
        await until(lambda: work.is_busy)
    assert (work.cancelled, work.is_busy) == (1, False)
    heir, other = Work(), engines.make()
    other.job("drain", heir)
    async with engines.work(other):
        await other.enqueue("drain", "a")
        await until(lambda: heir.runs["a"])


async def test_at_most_so_many_jobs_at_once(engines):
    """The concurrency is a bound over all kinds."""
    work, engine = Work(0.05), engines.make(concurrency=3)
    for kind in ("drain", "poll"):
        engine.job(kind, work)
    most = 0
    async with engines.work(engine):
        for key in range(10):
            await engine.enqueue(("drain", "poll")[key % 2], str(key))
        async with asyncio.timeout(20):
            while len(work.runs) < 10:
                most = max(most, work.now.total())
                await asyncio.sleep(0.002)
    assert most == 3


async def test_no_kind_takes_all_places(engines):
    """Drains and webhooks that hang in silent servers leave room for polls and intake, and to each other."""
    silent, work, engine = (
        {kind: Work(60) for kind in ("drain", "webhooks")},
        Work(),
        engines.make(concurrency=8, drain_limit=0),
    )
    for kind in ("drain", "webhooks", "poll", "intake"):
        engine.job(kind, silent.get(kind, work))
    async with engines.work(engine):
        for kind in ("drain", "webhooks"):
            for key in range(10):
                await engine.enqueue(kind, str(key))
        await until(lambda: sum(one.now.total() for one in silent.values()) == 6)
        for kind in ("poll", "intake"):
            await engine.enqueue(kind, kind)
        await until(lambda: work.runs == {"poll": 1, "intake": 1}, patience=5)
    assert max(one.now.total() + one.cancelled for one in silent.values()) <= 4


async def test_a_kind_that_has_its_share_goes_on_at_once(engines):
    """When one of its jobs ends, the next of the same kind begins: nothing waits for the next look."""
    work, engine = Work(0.01), engines.make(concurrency=2)
    engine.job("drain", work)
    for key in range(20):
        await engine.enqueue("drain", str(key))
    async with engines.work(engine):
        await until(lambda: len(work.runs) == 20, patience=5)
    assert max(work.most.values()) == 1


@pytest.mark.parametrize("times", [1, 2])
async def test_closing_an_engine_that_never_ran(engines, times):
    """A process that runs no jobs can ask for some, and close."""
    engine = engines.make()
    assert await engine.enqueue("drain", "a") is True
    for _ in range(times):
        await engine.close()
