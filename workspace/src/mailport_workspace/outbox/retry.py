"""What an error means for a mail and for its account: a decision, made of the error's class and the number of the attempt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import uniform

from mailport.errors import (
    AuthenticationFailed,
    ConfigurationError,
    MailportError,
    PermissionDenied,
    Refused,
    Throttled,
    TransportError,
    Uncertain,
    Unreachable,
    UnsupportedFeature,
)
from mailport_workspace.tables import OutboxState

__all__ = ["FIRST_LOOKUP", "Decision", "Halt", "RetryRules", "decide"]

FIRST_LOOKUP = 5.0
"""Seconds before an uncertain mail is looked for: indexes of mail systems lag."""

_PAUSE = 15.0
"""Seconds in which an account that cannot be reached is left alone: otherwise each waiting mail would lose an attempt."""
_BROKEN = 300.0
"""The same for settings that this deployment refuses and for a broken plugin: an operator may mend it meanwhile."""
_JITTER = 0.1
_OF_THE_MESSAGE = frozenset({"message", "address", "send", "conversation"})


class Halt(StrEnum):
    """What an error means for everything else that leaves through the account."""

    NONE = "none"
    PAUSE = "pause"
    CIRCUIT = "circuit"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """How often a mail is tried by itself, and how long it waits between two tries, in minutes; the last wait repeats."""

    max_attempts: int = 12
    waits: Sequence[float] = (1, 2, 5, 10, 30, 60)

    def wait(self, attempt: int, jitter: Callable[[float, float], float] = uniform) -> float:
        """Return the seconds to wait after that attempt, which counts from 1."""
        minutes = self.waits[min(attempt, len(self.waits)) - 1]
        return minutes * 60 * jitter(1 - _JITTER, 1 + _JITTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of the mail, and after how many seconds it is looked at again; whether and how long the account waits.

    ``pause`` is None where an open circuit does not close by waiting.
    """

    state: OutboxState
    wait: float = 0.0
    halt: Halt = Halt.NONE
    pause: float | None = None


def decide(error: Exception, attempt: int, rules: RetryRules) -> Decision:
    """Return what to do after an attempt, which counts from 1, ended with ``error``."""
    if isinstance(error, Uncertain):
        return Decision(state=OutboxState.UNCERTAIN, wait=FIRST_LOOKUP)
    if isinstance(error, AuthenticationFailed):
        return Decision(state=OutboxState.QUEUED, halt=Halt.CIRCUIT)
    if isinstance(error, ConfigurationError | UnsupportedFeature):
        return _unsendable(error)
    if isinstance(error, Throttled | Unreachable | PermissionDenied):
        return _later(error, attempt, rules)
    if isinstance(error, TransportError):
        return Decision(state=OutboxState.REFUSED if isinstance(error, Refused) else OutboxState.FAILED)
    # A broken plugin or policy: nobody knows how far the mail came.
    return Decision(state=OutboxState.UNCERTAIN, wait=FIRST_LOOKUP, halt=Halt.PAUSE, pause=_BROKEN)


def _unsendable(error: MailportError) -> Decision:
    if error.code.partition(".")[0] in _OF_THE_MESSAGE:
        return Decision(state=OutboxState.REFUSED)
    return Decision(state=OutboxState.QUEUED, halt=Halt.CIRCUIT, pause=_BROKEN)


def _later(error: MailportError, attempt: int, rules: RetryRules) -> Decision:
    is_asked = isinstance(error, Throttled) and error.retry_after is not None
    pause = error.retry_after if is_asked else _PAUSE if isinstance(error, Unreachable) else None
    halt = Halt.NONE if pause is None else Halt.PAUSE
    if attempt >= rules.max_attempts:
        return Decision(state=OutboxState.FAILED, halt=halt, pause=pause)
    wait = error.retry_after if is_asked and error.retry_after is not None else rules.wait(attempt)
    return Decision(state=OutboxState.QUEUED, wait=wait, halt=halt, pause=pause)
