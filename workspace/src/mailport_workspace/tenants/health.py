"""How the accounts of a tenant fare, in words: inboxes that stand still, circuits that are open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailport_workspace.intake.plan import interval_of
from mailport_workspace.store import TenantRows
from mailport_workspace.tables import AccountState, Inbox, MailConfiguration
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.audit import changed_fields
from mailport_workspace.tenants.circuit import OUTGOING, close_circuit, is_open

__all__ = ["AccountHealth", "Condition", "InboxHealth", "TenantHealth", "close_inbox_circuit", "read_health"]

_PATIENCE = 2
"""How many poll intervals an inbox may stand still before it is noticed (REL-05)."""


class Condition(StrEnum):
    """How something fares."""

    GOOD = "good"
    OFF = "off"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHealth:
    """How an account fares; ``words`` say why, for a human."""

    condition: Condition
    words: str
    circuit_opened_at: datetime | None
    wait_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxHealth:
    """How an inbox fares (LOG-03); ``backlog`` counts mails that wait to be read, processed or filed."""

    id: str
    name: str
    condition: Condition
    words: str
    last_poll_at: datetime | None
    last_success_at: datetime | None
    last_error: str
    last_error_code: str
    failures: int
    backlog: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantHealth:
    """How the accounts of a tenant fare."""

    outgoing: AccountHealth
    inboxes: tuple[InboxHealth, ...]


async def read_health(rows: TenantRows, moment: datetime) -> TenantHealth:
    """Return how the accounts fare at ``moment``."""
    states = await rows.account_states()
    configuration = await rows.configuration()
    inboxes = await rows.inboxes()
    interval = timedelta(seconds=interval_of(configuration.values))
    return TenantHealth(
        outgoing=_outgoing(configuration, states.get(OUTGOING), moment),
        inboxes=tuple(_inbox(inbox, states.get(inbox.id), interval, moment) for inbox in inboxes),
    )


async def close_inbox_circuit(rows: TenantRows, actor: Actor, inbox: str, moment: datetime) -> bool:
    """Let an inbox be read again although its settings are the same; say whether that had stopped (REL-06)."""
    actor.require_administrator()
    row = await rows.inbox(inbox, for_update=True)
    was_open = await close_circuit(rows, inbox)
    row.next_poll_at = moment
    await rows.add(*changed_fields(actor, f"inbox {row.name}", {"circuit": "open"} if was_open else {}, {}))
    return was_open


def _outgoing(configuration: MailConfiguration, state: AccountState | None, moment: datetime) -> AccountHealth:
    opened, wait = state.circuit_opened_at if state else None, state.wait_until if state else None
    known = {"circuit_opened_at": opened, "wait_until": wait}
    if not configuration.values.get("protocol"):
        return AccountHealth(condition=Condition.OFF, words="No outgoing server is configured.", **known)
    if state is not None and is_open(state, configuration.version, moment):
        return AccountHealth(condition=Condition.BAD, words=_refused(state), **known)
    if wait is not None and wait > moment:
        return AccountHealth(condition=Condition.WARNING, words="The mail server asked to come back later.", **known)
    if configuration.values.get("block_outgoing_email"):
        return AccountHealth(condition=Condition.WARNING, words="Outgoing mail is blocked.", **known)
    return AccountHealth(condition=Condition.GOOD, words="Mail can be sent.", **known)


def _inbox(inbox: Inbox, state: AccountState | None, interval: timedelta, moment: datetime) -> InboxHealth:
    condition, words = _judged(inbox, state, interval, moment)
    return InboxHealth(
        id=inbox.id,
        name=inbox.name,
        condition=condition,
        words=words,
        last_poll_at=inbox.last_poll_at,
        last_success_at=inbox.last_success_at,
        last_error=inbox.last_error,
        last_error_code=inbox.last_error_code,
        failures=inbox.failures,
        backlog=inbox.backlog,
    )


def _judged(inbox: Inbox, state: AccountState | None, interval: timedelta, moment: datetime) -> tuple[Condition, str]:
    if not inbox.enabled:
        return Condition.OFF, "It is switched off."
    if state is not None and is_open(state, inbox.version, moment):
        return Condition.BAD, _refused(state)
    if inbox.failures:
        times = "The last poll" if inbox.failures == 1 else f"The last {inbox.failures} polls"
        return Condition.BAD, f"{times} failed: {inbox.last_error or 'nobody knows why'}"
    since = inbox.last_success_at or max(inbox.next_poll_at, inbox.created_at)
    if moment - since > _PATIENCE * interval:
        return Condition.BAD, "Nobody has read it for more than two poll intervals: see whether a worker runs."
    if inbox.last_success_at is None:
        return Condition.GOOD, "It has not been read yet."
    return Condition.GOOD, "It is read." if not inbox.backlog else f"It is read; {inbox.backlog} mails wait to be processed."


def _refused(state: AccountState) -> str:
    why = state.circuit_error or "The mail server refused the credentials."
    return f"{why} Nothing is tried until the settings change, a test of the connection passes, or a person says so."
