"""The engines, each on the database that it needs."""

import asyncio
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace

import pytest
from sqlalchemy.engine import make_url

from mailport_workspace.engines.local import LocalEngine
from mailport_workspace.engines.procrastinate import ProcrastinateEngine


@pytest.fixture
def engines(database):
    """Makes engines on one database: `make()`, and `work(engine)` to let one run within a block."""
    url = make_url(database.application)

    def make(**options):
        if url.get_backend_name() == "sqlite":
            return LocalEngine(**options)
        return ProcrastinateEngine(url, timeout=2.0, **options)

    @asynccontextmanager
    async def work(engine):
        running = asyncio.create_task(engine.run())
        try:
            yield engine
        finally:
            await engine.close()
            with suppress(asyncio.CancelledError):
                await running

    return SimpleNamespace(make=make, work=work)


async def until(true, patience=20.0):
    """Wait until `true()` holds."""
    async with asyncio.timeout(patience):
        while not true():  # noqa: ASYNC110 - what is watched cannot signal an event
            await asyncio.sleep(0.01)
