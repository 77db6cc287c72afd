"""What a failed attempt to process a mail means for the next one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailport.errors import MailportError, PluginError, Throttled, TimedOut, Unreachable
from mailport_workspace.tables import IntakeEntry

__all__ = ["LOST_ATTEMPTS", "Decision", "after_failure", "error_of"]

LOST_ATTEMPTS = 10
"""How often a mail may take its worker with it."""
_WAITS = tuple(timedelta(seconds=seconds) for seconds in (30, 120, 600, 1800))
_PATIENCE = timedelta(days=1)
"""How long something that is away does not use up the attempts of a mail."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the attempt counts, whether it was the last, and when the next one is due."""

    counts: bool
    is_last: bool
    due_at: datetime


def after_failure(entry: IntakeEntry, error: MailportError, *, attempts: int, at: datetime) -> Decision:
    """Decide. Something that is away for a while, such as the database or another system, is not the mail's fault."""
    is_away = isinstance(error, (Unreachable, Throttled)) and not isinstance(error, TimedOut)
    counts = not is_away or at - entry.created_at > _PATIENCE
    made = entry.attempts + int(counts)
    wait = _WAITS[min(made, len(_WAITS)) - 1] if made else _WAITS[0]
    if isinstance(error, Throttled) and error.retry_after is not None:
        wait = timedelta(seconds=error.retry_after)
    return Decision(counts, counts and made >= attempts, at + wait)


def error_of(error: BaseException) -> MailportError:
    """Return the error as one of ours, with a code and without what it might repeat of the mail."""
    if isinstance(error, MailportError):
        return error
    if isinstance(error, TimeoutError):
        return TimedOut(
            "The processing took longer than the queue allows.",
            code="mail.timeout",
            remedy="Raise the timeout of the queue, or look at what the record store does.",
        )
    return PluginError(f"The processing failed with {type(error).__name__}.", code="mail.broken", remedy="Report this.")
