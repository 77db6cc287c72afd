"""How an inbox fares: what a poll leaves in its row, when the next one is due, and who is told (LOG-03, REL-05)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailport.errors import AuthenticationFailed, ConfigurationError, MailportError, PermissionDenied, Throttled
from mailport_workspace.intake.plan import CircuitOpen, HeldBack, interval_of
from mailport_workspace.store import TenantRows
from mailport_workspace.tables import Inbox
from mailport_workspace.tenants.circuit import open_circuit, pause
from mailport_workspace.webhooks.tell import tell

__all__ = ["Polled", "note_failure", "note_silence", "note_success"]

_LONGEST = timedelta(minutes=15)
"""However often an inbox failed, it is tried again after this time, or after its interval if that is longer."""
_NOTICED_AT = 2
"""The failure in a row at which others are told; the second poll comes before two intervals are over."""
_EARLIER = 0.05
"""By which part of the interval a poll may come earlier, so that inboxes do not march in step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """A poll that is over. ``version`` is that of the settings by which it went; ``trouble`` is what was not filed.

    ``interval`` is the tenant's in seconds, where the poll came so far; ``was_idle`` says that there was nothing to do.
    """

    started_at: datetime
    ended_at: datetime
    version: int
    is_complete: bool = True
    was_idle: bool = False
    interval: int | None = None
    trouble: MailportError | None = None


async def note_success(rows: TenantRows, inbox: Inbox, polled: Polled) -> None:
    """Note that an inbox was read; that clears whatever was wrong before."""
    trouble = polled.trouble
    inbox.failures = 0
    inbox.last_success_at = polled.ended_at
    inbox.last_error = f"Messages could not be filed: {_said(trouble)}" if trouble else ""
    inbox.last_error_code = trouble.code if trouble else ""
    interval = await _interval(rows, polled)
    is_due_now = not polled.is_complete or inbox.version != polled.version
    await _release(rows, inbox, polled, polled.ended_at if is_due_now else polled.started_at + interval * _jitter())


async def note_failure(rows: TenantRows, inbox: Inbox, polled: Polled, error: MailportError) -> None:
    """Note why an inbox was not read, and when it is tried again."""
    interval = await _interval(rows, polled)
    is_new = inbox.failures == 0 or inbox.last_error_code != error.code
    inbox.failures += 1
    inbox.last_error, inbox.last_error_code = _said(error), error.code
    wait = await _wait(rows, inbox, polled, error, interval)
    is_noticed = is_new if _is_certain(error, interval) else inbox.failures == _NOTICED_AT
    if is_noticed:
        await _tell(rows, inbox)
    is_due_now = inbox.version != polled.version
    await _release(rows, inbox, polled, polled.ended_at if is_due_now else polled.started_at + wait)


async def note_silence(rows: TenantRows, inbox: Inbox, seconds: float) -> None:
    """Say of a poll that is under way that nothing came for so long."""
    inbox.last_error_code = "read.silent"
    inbox.last_error = f"The mailbox is open, and nothing has come for {seconds:.0f} seconds."
    await _tell(rows, inbox)


async def _wait(rows: TenantRows, inbox: Inbox, polled: Polled, error: MailportError, interval: timedelta) -> timedelta:
    """Return the time until the next poll: what the server asks for, else longer with every failure in a row."""
    if isinstance(error, CircuitOpen):
        return interval * _jitter()
    if isinstance(error, AuthenticationFailed):
        if await open_circuit(rows, inbox.id, error, version=polled.version, moment=polled.ended_at):
            await tell(rows, "account.refused", {"subject": inbox.id, **_facts(inbox)})
        return interval * _jitter()
    if error.code.startswith("store."):  # of our own database: the mailbox is not asked less often for that
        return interval * _jitter()
    if isinstance(error, HeldBack):
        return timedelta(seconds=error.retry_after or 0)
    if isinstance(error, Throttled) and error.retry_after is not None:
        await pause(rows, inbox.id, polled.ended_at, error.retry_after)
        return polled.ended_at + timedelta(seconds=error.retry_after) - polled.started_at
    longer: timedelta = interval * (1 << min(inbox.failures - 1, 10))
    return min(longer, max(interval, _LONGEST)) * _jitter()


def _is_certain(error: MailportError, interval: timedelta) -> bool:
    """Whether the next polls will fail as well: then nobody needs to wait for a second failure."""
    if isinstance(error, Throttled):
        return error.retry_after is not None and error.retry_after > interval.total_seconds()
    return isinstance(error, (AuthenticationFailed, ConfigurationError, PermissionDenied))


async def _tell(rows: TenantRows, inbox: Inbox) -> None:
    await tell(rows, "inbox.failing", {**_facts(inbox), "failures": inbox.failures})


def _facts(inbox: Inbox) -> dict[str, object]:
    since = inbox.last_success_at.isoformat() if inbox.last_success_at else None
    told = {"inbox_id": inbox.id, "name": inbox.name, "code": inbox.last_error_code, "error": inbox.last_error}
    return {**told, "last_success_at": since}


async def _interval(rows: TenantRows, polled: Polled) -> timedelta:
    return timedelta(seconds=polled.interval or interval_of((await rows.configuration()).values))


async def _release(rows: TenantRows, inbox: Inbox, polled: Polled, due_at: datetime) -> None:
    inbox.last_poll_at = polled.started_at
    if inbox.backlog or not polled.was_idle:  # thousands of inboxes are idle: counting nothing would cost the most
        inbox.backlog = await rows.backlog(inbox.id)
    inbox.next_poll_at = due_at
    inbox.lease, inbox.leased_until = None, None


def _said(error: MailportError) -> str:
    return " ".join(filter(None, (error.message, error.remedy)))


def _jitter() -> float:
    return 1 - random.random() * _EARLIER  # noqa: S311 - nothing depends on its being unpredictable
