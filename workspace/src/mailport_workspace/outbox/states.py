"""The states of an outgoing mail: which may follow which, and what an answer of the mail system leads to."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from mailport.receipt import Receipt, Status
from mailport_workspace.tables import OutboxState

__all__ = ["AFTER", "FINAL", "FROM", "Action", "may_follow", "state_of"]

_ANSWERED = frozenset(
    {
        OutboxState.SENT,
        OutboxState.PARTLY_REFUSED,
        OutboxState.REFUSED,
        OutboxState.BLOCKED,
        OutboxState.UNCERTAIN,
        OutboxState.FAILED,
        OutboxState.QUEUED,
    }
)
_AGAIN = frozenset({OutboxState.QUEUED})

AFTER: Mapping[OutboxState, frozenset[OutboxState]] = MappingProxyType(
    {
        OutboxState.QUEUED: frozenset({OutboxState.CLAIMED, OutboxState.CANCELLED, OutboxState.HELD}),
        OutboxState.CLAIMED: frozenset({OutboxState.SENDING, OutboxState.QUEUED}),
        OutboxState.SENDING: _ANSWERED,
        OutboxState.SENT: frozenset(),
        OutboxState.PARTLY_REFUSED: _AGAIN,
        OutboxState.REFUSED: _AGAIN,
        OutboxState.BLOCKED: _AGAIN,
        OutboxState.UNCERTAIN: frozenset({OutboxState.SENT, OutboxState.QUEUED, OutboxState.HELD}),
        OutboxState.HELD: frozenset({OutboxState.QUEUED, OutboxState.CANCELLED, OutboxState.SENT}),
        OutboxState.FAILED: _AGAIN,
        OutboxState.CANCELLED: frozenset(),
    }
)
"""Which states may follow."""

FINAL = frozenset(
    {
        OutboxState.SENT,
        OutboxState.PARTLY_REFUSED,
        OutboxState.REFUSED,
        OutboxState.BLOCKED,
        OutboxState.FAILED,
        OutboxState.CANCELLED,
    }
)
"""The states that only a person can end."""


class Action(StrEnum):
    """What a person may do with an outgoing mail."""

    RESEND = "resend"
    CANCEL = "cancel"
    HOLD = "hold"
    RELEASE = "release"
    MARK_SENT = "mark_sent"


FROM: Mapping[Action, frozenset[OutboxState]] = MappingProxyType(
    {
        Action.RESEND: frozenset({OutboxState.QUEUED, OutboxState.HELD}) | FINAL,
        Action.CANCEL: frozenset({OutboxState.QUEUED, OutboxState.HELD}),
        Action.HOLD: frozenset({OutboxState.QUEUED}),
        Action.RELEASE: frozenset({OutboxState.HELD}),
        Action.MARK_SENT: frozenset({OutboxState.HELD}),
    }
)
"""In which states a person may do what. A mail that was sent or cancelled is resent as another entry of its history."""


def may_follow(before: OutboxState, after: OutboxState) -> bool:
    """Whether a mail may go from one state to the other."""
    return after in AFTER[before]


def state_of(receipt: Receipt) -> OutboxState:
    """Return the state that a receipt leads to. Whom it defers is another entry's matter where somebody was accepted."""
    statuses = {result.status for result in receipt.recipients}
    if Status.UNCERTAIN in statuses or not statuses:
        return OutboxState.UNCERTAIN
    if Status.ACCEPTED in statuses:
        return OutboxState.PARTLY_REFUSED if statuses & {Status.REFUSED, Status.DEFERRED} else OutboxState.SENT
    if Status.DEFERRED in statuses:
        return OutboxState.PARTLY_REFUSED if Status.REFUSED in statuses else OutboxState.QUEUED
    return OutboxState.REFUSED if Status.REFUSED in statuses else OutboxState.BLOCKED
