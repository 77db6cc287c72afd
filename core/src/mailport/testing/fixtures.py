"""Fixtures for the tests of a host: a mail system in memory instead of a server.

Put ``pytest_plugins = ["mailport.testing.fixtures"]`` into the topmost ``conftest.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mailport.host import Mailport
from mailport.testing.memory import MemoryMail, MemoryPlugin

__all__ = ["memory_host", "memory_mail", "memory_plugin", "memory_values"]

USER, PASSWORD = "desk@example.test", "kestrel-amber-42"


@pytest.fixture
def memory_mail() -> MemoryMail:
    """Return a mail system with one account; look into it, and switch its faults."""
    return MemoryMail({USER: PASSWORD})


@pytest.fixture
def memory_values() -> dict[str, str]:
    """Return the settings of that account, as a host stores them; they fit both directions."""
    return {"protocol": "memory", "user_name": USER, "password": PASSWORD}


@pytest.fixture
def memory_plugin(memory_mail: MemoryMail) -> MemoryPlugin:
    """Return the plugin to give to a host of your own: ``Mailport(plugins=[memory_plugin])``."""
    return MemoryPlugin(memory_mail)


@pytest_asyncio.fixture
async def memory_host(memory_plugin: MemoryPlugin) -> AsyncIterator[Mailport]:
    """Return a host that knows the memory protocol and nothing that happens to be installed."""
    async with Mailport(plugins=[memory_plugin], discover=False) as host:
        yield host
