"""One mail on its way through processing: what is known about it, and what was noted on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mailport import Attachment, Message
from mailport.address import Address
from mailport.errors import ConfigurationError, UnsupportedFeature
from mailport.policies.bodytext import body_text
from mailport.policies.truncate import TruncatedBody
from mailport.policies.winmail import Winmail
from mailport.rules import RecognitionRules
from mailport_workspace.intake.content import storable
from mailport_workspace.intake.verdict import Mailbox, Received, StepNote, Verdict
from mailport_workspace.processing.xml import Imported
from mailport_workspace.records.interface import AttachedMail, RecordRef
from mailport_workspace.tables import ActivityKind, JournalEntry, Outcome, StepState
from mailport_workspace.tenants.handling import Handling
from mailport_workspace.tenants.incoming_rules import Rule, RuleAction
from mailport_workspace.tenants.options import TenantOptions

__all__ = ["NO_SUBJECT", "Bounced", "Case", "Earlier", "stored_text"]

NO_SUBJECT = "(no subject)"
_NOTICE = "[The text of this mail is longer than {limit} characters. The complete mail is kept in its original.]"
_LONGEST_ERROR = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounced:
    """The mail that a report concerns: its journal entry, and the record it belongs to."""

    journal_id: str
    record: RecordRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What the journal knows of the mails before this one: the records that they name, and the mail that bounced.

    ``twin`` is the record of another copy of this mail; ``is_reused`` says that a different mail has the same Message-ID.
    ``correspondents`` are the addresses that took part in the records which this mail may change, by their ids.
    """

    conversation: RecordRef | None = None
    answered: RecordRef | None = None
    outside: RecordRef | None = None
    bounced: Bounced | None = None
    twin: RecordRef | None = None
    is_reused: bool = False
    correspondents: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(kw_only=True)
class Case:
    """A mail that is being processed. Everything but ``steps`` and ``person`` is decided before records are touched.

    ``is_released`` says that a person took the mail out of quarantine: nothing keeps it from becoming a record. ``entry`` is
    its history as it was. ``stylesheet`` is that of the inbox's import connection, and ``imported`` what it made of the mail,
    or why it did not.
    """

    received: Received
    inbox: str
    handling: Handling
    options: TenantOptions
    rules: RecognitionRules
    entry: JournalEntry
    incoming_rules: tuple[Rule, ...] = ()
    users: frozenset[str] = frozenset()
    keep_original: bool = False
    is_released: bool = False
    findings: Mapping[str, Any] = field(default_factory=dict)
    earlier: Earlier = field(default_factory=Earlier)
    rule: Rule | None = None
    text: str = ""
    stylesheet: str | None = None
    imported: tuple[Imported, ...] | ConfigurationError = ()
    person: str | None = None
    steps: list[StepNote] = field(default_factory=list)

    @property
    def at(self) -> datetime:
        """When the mail was stored."""
        return self.entry.created_at

    @property
    def key(self) -> str:
        """What the key of everything begins with that is made of the mail: the same mail makes nothing twice."""
        return self.entry.id

    @property
    def message(self) -> Message:
        """The mail itself."""
        return self.received.message

    @property
    def action(self) -> RuleAction:
        """What the rules of the tenant want."""
        return self.rule.action if self.rule else RuleAction()

    @property
    def rule_name(self) -> str:
        """The name of the rule that decided, or nothing."""
        return self.rule.name if self.rule else ""

    @property
    def sender(self) -> Address | None:
        """Who wrote, where the mail tells."""
        return self.message.sender

    @property
    def sender_mailbox(self) -> str:
        """The address of who wrote, in small letters, or nothing."""
        return storable(self.sender.mailbox.lower()) if self.sender else ""

    @property
    def subject(self) -> str:
        """The subject as records keep it."""
        return storable(self.message.subject).strip() or NO_SUBJECT

    def finding(self, name: str, kind: type[Any]) -> Any:
        """Return what the recogniser of that name found, or None."""
        found = self.findings.get(name)
        return found if isinstance(found, kind) else None

    def note(self, step: str, text: str = "", *, state: StepState = StepState.DONE, code: str = "") -> None:
        """Remember one step for the journal."""
        self.steps.append(StepNote(step=step, text=storable(text)[:_LONGEST_ERROR], state=state, code=code))

    def attached(self, kind: ActivityKind = ActivityKind.MAIL_IN, *, with_files: bool = True) -> AttachedMail:
        """Return the mail as a record keeps it: with its original only where the tenant wants that (CMP-07, CMP-08)."""
        return AttachedMail(
            journal_id=self.received.journal_id,
            kind=kind,
            sender=self.sender_mailbox,
            subject=self.subject,
            text=self.text,
            at=self.at,
            attachments=self._files() if with_files else (),
            raw_id=self.received.raw_id if self.keep_original else None,
        )

    def _files(self) -> tuple[Attachment, ...]:
        unpacked = self.finding("winmail", Winmail)
        return (*self.message.attachments, *(unpacked.files if unpacked else ()))

    def verdict(self, outcome: Outcome, **more: Any) -> Verdict:
        """Return what became of the mail, with the steps that led there."""
        return Verdict(outcome=outcome, person=self.person, body_text=self.text, steps=tuple(self.steps), **more)

    def quarantined(self, step: str, code: str, reason: str, *, record: RecordRef | None = None) -> Verdict:
        """Let a person decide."""
        self.note(step, reason, state=StepState.SKIPPED, code=code)
        reason = storable(reason)[:_LONGEST_ERROR]
        return self.verdict(Outcome.QUARANTINED, last_error=reason, quarantine=(code, reason), record=record)

    def ignored(self, step: str, code: str, reason: str, *, shown: str = "") -> Verdict:
        """Keep the mail in the journal only."""
        self.note(step, reason, state=StepState.SKIPPED, code=code)
        return self.verdict(Outcome.IGNORED, last_error=storable(shown or reason)[:_LONGEST_ERROR])

    def failed(self, step: str, code: str, reason: str, *, record: RecordRef | None = None) -> Verdict:
        """Say that the mail could not be processed; it stays in its mailbox, in the error folder where there is one."""
        self.note(step, reason, state=StepState.FAILED, code=code)
        reason = storable(reason)[:_LONGEST_ERROR]
        return self.verdict(Outcome.FAILED, mailbox=Mailbox.FAILURE, last_error=reason, record=record)


def stored_text(message: Message, findings: Mapping[str, object], options: TenantOptions) -> str:
    """Return the text that a record keeps: up to the truncation text (TAB-05), and no longer than the tenant wants (INB-25).

    Only plain text counts; where it is too long a notice stands for what is missing, or for all of it in strict compatibility.
    """
    truncated, unpacked = findings.get("truncated_body"), findings.get("winmail")
    text = truncated.text if isinstance(truncated, TruncatedBody) else _whole_text(message)
    if not text.strip() and isinstance(unpacked, Winmail):
        text = unpacked.text
    limit = options.max_body_text
    if len(message.text) > limit and len(text) > limit:
        notice = _NOTICE.format(limit=limit)
        text = notice if options.strict_compatibility else f"{text[:limit].rstrip()}\n\n{notice}"
    return storable(text)


def _whole_text(message: Message) -> str:
    try:
        return body_text(message)
    except UnsupportedFeature:  # HTML only, and nothing installed that reads it: the attached original shows it
        return ""
