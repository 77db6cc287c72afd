"""The hourly job: old rows go by batches, summaries leave, endings of credentials are logged."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from mailport.errors import MailportError
from mailport_workspace.observing.context import working_on
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.store import OperatorRows, Store
from mailport_workspace.tables import now
from mailport_workspace.upkeep.credentials import Credentials
from mailport_workspace.upkeep.summary import Summaries

__all__ = ["KEY", "KIND", "Upkeep"]

KIND = "upkeep"
"""The kind of its job."""
KEY = "hourly"
"""The key of its only job."""
_EVERY = timedelta(hours=1)
_LEAP = timedelta(days=1)
"""Between two upkeeps no more time than this passes while a worker is alive and clocks are right."""
_BATCH = 500
"""Rows that one transaction deletes: others want to write meanwhile."""
_TEST_KEPT = timedelta(days=1)
_SILENT = 10
"""A worker is forgotten after so many times the time after which it counts as dead."""

_log = logging.getLogger(__name__)


class Upkeep:
    """Keeps the deployment tidy."""

    def __init__(
        self,
        store: Store,
        settings: WorkspaceSettings,
        credentials: Credentials,
        summaries: Summaries,
        *,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._settings = settings
        self._credentials = credentials
        self._summaries = summaries
        self._clock = clock

    async def due(self, rows: OperatorRows, at: datetime) -> list[str]:
        """Return the key of the job once an hour."""
        last = (await rows.fact(KIND)).get("at")
        return [KEY] if last is None or abs(at - datetime.fromisoformat(last)) >= _EVERY else []

    async def run(self, _key: str = KEY) -> None:
        """Do everything once; what fails for one tenant is logged, and keeps no other waiting."""
        if await self._is_steady():
            await self._purge_all()
        async with self._store.survey() as every:
            tenants = [tenant.id for tenant in await every.tenants()]
        for tenant in tenants:
            with working_on(tenant=tenant):
                await self._look_after(tenant)

    async def _is_steady(self) -> bool:
        """Note the time; say whether the clock can be believed: what a wrong one takes for old would be gone for good.

        After a leap, or a long rest, the next run an hour later deletes; until then somebody may have set the clock.
        """
        at = self._clock()
        async with self._store.operate() as rows:
            last = (await rows.fact(KIND)).get("at")
            await rows.state(KIND, {"at": at.isoformat()}, at)
        is_steady = last is None or abs(at - datetime.fromisoformat(last)) < _LEAP
        if not is_steady:
            _log.warning("The last upkeep was at %s, by the clock: nothing old is deleted before the next one.", last)
        return is_steady

    async def _purge_all(self) -> None:
        """Delete what is older than it is kept; first what is short-lived, so that the rest finds less."""
        settings, at = self._settings, self._clock()
        finished, raw, journal = (
            at - timedelta(days=days)
            for days in (settings.retention_finished, settings.retention_raw, settings.retention_journal)
        )
        async with self._store.operate() as rows:
            await rows.purge_access(at, tokens_before=finished)
            await rows.purge_workers(at - timedelta(seconds=settings.worker_timeout * _SILENT))
            await rows.forget_connection_tests(at - _TEST_KEPT)
        await self._purge(lambda rows: rows.purge_finished(finished, limit=_BATCH))
        await self._purge(lambda rows: rows.purge_raw_messages(raw, limit=_BATCH))
        await self._purge(lambda rows: rows.purge_journal(journal, limit=_BATCH))

    async def _purge(self, delete: Callable[[OperatorRows], Awaitable[int]]) -> None:
        count = _BATCH
        while count == _BATCH:
            async with self._store.operate() as rows:
                count = await delete(rows)

    async def _look_after(self, tenant: str) -> None:
        try:
            for warning in await self._credentials.warnings(tenant):
                _log.warning("%s", warning.text)
            await self._summaries.send_due(tenant)
        except MailportError as error:
            _log.warning("The upkeep of a tenant failed: %s", error.message)
        except Exception:  # what nobody foresaw in the rows of one tenant must not stop that of all that follow
            _log.exception("The upkeep of a tenant failed, for a reason that nobody foresaw.")
