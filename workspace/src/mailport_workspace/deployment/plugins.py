"""The plugins of a deployment: what was found, and looking for them again in every process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mailport import Mailport
from mailport.registry import PluginReport, Rediscovery
from mailport_workspace.store import Store
from mailport_workspace.tables import now

__all__ = ["FACT", "Plugins"]

FACT = "plugins"
"""The fact that changes when plugins are to be looked for again."""


class Plugins:
    """The plugins of this process; others follow at their next look."""

    def __init__(self, store: Store, mailport: Mailport) -> None:
        self._store = store
        self._mailport = mailport
        self._seen: dict[str, Any] | None = None

    def list(self) -> Sequence[PluginReport]:
        """Return every plugin that was found: loaded, or failed and why."""
        return self._mailport.plugins()

    async def reload(self, at: datetime | None = None) -> Rediscovery:
        """Look for plugins again, here at once, and let every other process do so."""
        found = self._mailport.rediscover()
        async with self._store.operate() as rows:
            count = int((await rows.fact(FACT)).get("reloads", 0)) + 1
            await rows.state(FACT, {"reloads": count}, at or now())
        return found

    async def follow(self) -> None:
        """Look for plugins again where somebody, in whatever process, asked for it since the last call."""
        async with self._store.survey() as rows:
            fact = await rows.fact(FACT)
        if self._seen is not None and fact != self._seen:
            self._mailport.rediscover()
        self._seen = fact
