"""The states of an outgoing mail: in which a person may do what, and which one an answer of the mail system leads to."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from mailport.receipt import Receipt, Status
from mailport_workspace.tables import OutboxState
from mailport_workspace.tables.outbox import FINAL

__all__ = ["FROM", "Action", "state_of"]


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
