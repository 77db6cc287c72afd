"""What processing is given, and what it decides about a mail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from mailport import Message
from mailport_workspace.intake.handlers import INCOMING
from mailport_workspace.records.interface import RecordRef
from mailport_workspace.tables import Outcome, StepState

if TYPE_CHECKING:
    from mailport_workspace.store import TenantRows

__all__ = ["Mailbox", "Received", "Settle", "StepNote", "Verdict"]


class Mailbox(StrEnum):
    """What shall happen to the message in its mailbox."""

    SUCCESS = "success"
    """The inbox's post-processing action."""
    FAILURE = "failure"
    """The error folder where there are folders, else it stays; never deleted (INB-20, INB-22)."""
    LEAVE = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A staged mail that is to be processed. ``attempt`` counts from 1; ``raw_id`` names its stored bytes.

    ``queue`` is the one from which it was taken. ``shared`` is the same for all mails of a poll, or of a later batch: what they
    have in common is read once, and kept there.
    """

    tenant: str
    journal_id: str
    inbox_id: str
    raw_id: str
    message: Message
    attempt: int = 1
    queue: str = INCOMING
    shared: dict[str, object] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepNote:
    """One step for the journal (LOG-01)."""

    step: str
    text: str = ""
    state: StepState = StepState.DONE
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a mail. ``quarantine`` holds (code, reason) where a person must decide.

    ``last_error`` is shown with the mail; ``bounced`` marks it as a report about the mail ``related_id``. With ``moved_to``
    nothing is decided yet: the mail goes on in that queue.
    """

    outcome: Outcome
    mailbox: Mailbox = Mailbox.SUCCESS
    record: RecordRef | None = None
    person: str | None = None
    related_id: str | None = None
    conversation_id: str = ""
    body_text: str = ""
    last_error: str = ""
    bounced: bool = False
    quarantine: tuple[str, str] | None = None
    moved_to: str = ""
    steps: tuple[StepNote, ...] = field(default=())


Settle: TypeAlias = Callable[["TenantRows", Verdict], Awaitable[None]]
"""Writes a verdict: journal, steps, quarantine and queue entry, in the caller's transaction; raises if the lease was lost."""
