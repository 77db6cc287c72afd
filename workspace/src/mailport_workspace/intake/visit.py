"""One poll of one inbox: read the configuration anew, file what is left over, store, process, file; and note how it went."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mailport import Mailport
from mailport.errors import MailportError, NotFound, PluginError
from mailport.poll import Round
from mailport_workspace.intake.finish import Finish
from mailport_workspace.intake.lease import LeaseLost, Reached
from mailport_workspace.intake.outcome import Polled, note_failure, note_silence, note_success
from mailport_workspace.intake.plan import Plan, make_plan
from mailport_workspace.intake.queue import Intake
from mailport_workspace.intake.stage import STAGED_AT_ONCE, Stage
from mailport_workspace.observing import metrics
from mailport_workspace.observing.context import working_on
from mailport_workspace.observing.traces import span
from mailport_workspace.queries.intake import DueInbox
from mailport_workspace.sealing import KeyRing
from mailport_workspace.store import Store

__all__ = ["Means", "visit"]

_INLINE_SECONDS = 30.0
"""How long a mailbox is kept open for the processing of what it gave."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every poll works with. ``large`` limits how many large messages are read at the same time.

    ``patience`` is how many poll intervals a mailbox may be open without a sign of progress before that is told (REL-05).
    """

    store: Store
    mailport: Mailport
    ring: KeyRing
    intake: Intake
    reached: Reached
    clock: Callable[[], datetime]
    large: asyncio.Semaphore
    patience: float


async def visit(means: Means, due: DueInbox, lease: str) -> None:
    """Poll one inbox; whatever goes wrong concerns this inbox only (INB-05)."""
    with working_on(tenant=due.tenant, inbox=due.inbox):
        try:
            await _Visit(means, due, lease).run()
        except LeaseLost as lost:
            _log.warning("%s", lost.message)
        except MailportError as error:  # the database is away: the lease runs out, and somebody polls the inbox again
            _log.error("How the poll of an inbox went could not be noted: %s", error.message)


class _Visit:
    def __init__(self, means: Means, due: DueInbox, lease: str) -> None:
        self._means = means
        self._store = means.store
        self._due = due
        self._lease = lease
        self._started_at = means.clock()
        self._version = 0
        self._is_complete = True
        self._was_idle = False
        self._interval: int | None = None
        self._trouble: MailportError | None = None
        self._silence: _Silence | None = None

    async def run(self) -> None:
        """Poll, and note how it went."""
        error = await self._error()
        polled = Polled(
            started_at=self._started_at,
            ended_at=self._means.clock(),
            version=self._version,
            is_complete=self._is_complete,
            was_idle=self._was_idle,
            interval=self._interval,
            trouble=self._trouble,
        )
        async with self._store.write(self._due.tenant) as rows:
            inbox = await rows.find_inbox(self._due.inbox, lease=self._lease)
            if inbox is None:  # it was deleted, or somebody else reads it by now
                return
            if error is not None:
                await note_failure(rows, inbox, polled, error)
            elif self._interval is not None:
                await note_success(rows, inbox, polled)
            else:  # it was switched off since it was claimed, and not read
                inbox.lease, inbox.leased_until = None, None

    async def _error(self) -> MailportError | None:
        """Poll; return why that failed, None if it did not."""
        try:
            with metrics.poll(), span("poll", inbox=self._due.inbox):
                await self._poll()
        except LeaseLost:
            raise
        except MailportError as error:
            _log.warning("An inbox was not read: %s", error.message)
            return error
        except Exception as error:
            _log.exception("An inbox was not read, for a reason that nobody foresaw.")
            return PluginError(f"The poll failed with {type(error).__name__}.", code="plugin.broken", remedy="Report this.")
        finally:
            if self._silence is not None:
                self._silence.end()
        return None

    async def _poll(self) -> None:
        plan = await self._plan()
        if plan is None:
            return
        self._interval = plan.interval
        self._silence = _Silence(plan.interval * self._means.patience, self._tell_silence)
        try:
            await self._round(plan)
        except NotFound as error:
            if error.code != "read.cursor" or plan.cursor is None:
                raise
            _log.warning("The mailbox no longer knows where reading had stopped: it is listed anew.")
            await self._round(replace(plan, cursor=None))

    async def _plan(self) -> Plan | None:
        """Return what to go by; None for an inbox that is not read any more (CMP-03, INB-24)."""
        async with self._store.read(self._due.tenant) as rows:
            inbox = await rows.find_inbox(self._due.inbox)
            if inbox is None or not inbox.enabled:
                return None
            self._version = inbox.version
            return await make_plan(rows, inbox, self._means.mailport, self._means.ring, at=self._started_at)

    async def _round(self, plan: Plan) -> None:
        """Open the mailbox once, and do everything that is to be done there."""
        finish = Finish(self._store, plan, reached=self._reached, clock=self._means.clock)
        round_: Round | None = None
        try:
            async with self._means.mailport.poll(plan.account, plan.cursor, None if plan.unread else STAGED_AT_ONCE) as round_:
                await self._in_session(plan, round_, finish)
        finally:
            self._trouble = finish.trouble
            if round_ is not None:
                await finish.end(round_.settled)
        self._trouble = finish.trouble

    async def _in_session(self, plan: Plan, round_: Round, finish: Finish) -> None:
        if plan.has_pending:
            await finish.run(round_)
        means = self._means
        stage = Stage(self._store, plan, self._lease, reached=self._reached, clock=means.clock, large=means.large)
        await stage.run(round_)
        self._is_complete = stage.is_complete
        self._was_idle = not (stage.has_news or plan.has_pending or plan.unread)
        if stage.has_news:
            await means.intake.process_staged(plan.tenant, stage.journals, actions=plan.actions, seconds=_INLINE_SECONDS)
            await finish.run(round_)

    def _reached(self, place: str) -> None:
        if self._silence is not None:
            self._silence.interrupt()
        self._means.reached(place)

    async def _tell_silence(self, seconds: float) -> None:
        async with self._store.write(self._due.tenant) as rows:
            inbox = await rows.find_inbox(self._due.inbox, lease=self._lease)
            if inbox is not None:
                await note_silence(rows, inbox, seconds)


class _Silence:
    """Calls ``tell`` once, when nothing interrupted the silence for ``seconds``."""

    def __init__(self, seconds: float, tell: Callable[[float], Coroutine[Any, Any, None]]) -> None:
        self._seconds = seconds
        self._tell = tell
        self._since = time.monotonic()
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def interrupt(self) -> None:
        """Note a sign of progress."""
        self._since = time.monotonic()

    def end(self) -> None:
        """Stop listening."""
        self._timer.cancel()

    def _look(self) -> None:
        lasts = time.monotonic() - self._since
        if lasts < self._seconds:
            self._timer = asyncio.get_running_loop().call_later(self._seconds - lasts, self._look)
        else:
            self._task = asyncio.create_task(self._say(lasts), name="tell that a mailbox is silent")

    async def _say(self, seconds: float) -> None:
        try:
            await self._tell(seconds)
        except MailportError as error:  # the database is away
            _log.warning("That a mailbox is silent could not be noted: %s", error.message)
