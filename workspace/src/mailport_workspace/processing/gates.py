"""What keeps a mail from becoming a record, before any record is looked at: each gate says why, none loses a mail."""

from __future__ import annotations

from mailport.policies.automatic import Automatic, AutomaticKind
from mailport.policies.bounce import Bounce
from mailport.policies.senders import SenderVerdict, judge
from mailport.policies.subjects import IGNORED, SubjectFinding
from mailport_workspace.intake.handlers import INCOMING
from mailport_workspace.intake.verdict import Verdict
from mailport_workspace.processing.case import Case
from mailport_workspace.tables import Outcome, StepState
from mailport_workspace.tenants.incoming_rules import Do

__all__ = ["gate", "is_bounce"]


def gate(case: Case) -> Verdict | None:
    """Return what becomes of a mail that goes no further, or None. A mail that a person released passes."""
    if case.earlier.twin is not None:
        return _duplicate(case)
    _note_reuse(case)
    if case.is_released:
        return None
    for check in (_own_mail, _ignored_subject, _denied_sender, _rule):
        verdict = check(case)
        if verdict is not None:
            return verdict
    return None


def is_bounce(case: Case) -> str:
    """Return by what a mail is a report about another one that was not delivered, or nothing."""
    bounce, subject = case.finding("bounce", Bounce), case.finding("subject", SubjectFinding)
    if bounce is not None:
        return str(bounce.reason)
    return f"the subject fits “{subject.delivery_failure}”" if subject and subject.delivery_failure else ""


def _duplicate(case: Case) -> Verdict:
    twin = case.earlier.twin
    case.note("duplicate", "another copy of this mail was dealt with", state=StepState.SKIPPED, code="mail.duplicate")
    return case.verdict(Outcome.DUPLICATE, record=twin)


def _note_reuse(case: Case) -> None:
    if case.earlier.is_reused:
        said = "a different mail had the same Message-ID; this one is dealt with by itself"
        case.note("duplicate", said, code="mail.reused_id")


def _own_mail(case: Case) -> Verdict | None:
    automatic = case.finding("automatic", Automatic)
    if automatic is None or automatic.kind is not AutomaticKind.LOOP:
        return None
    return case.ignored("recognise", "mail.loop", f"our own mail came back ({automatic.reason})")


def _ignored_subject(case: Case) -> Verdict | None:
    subject = case.finding("subject", SubjectFinding)
    if subject is None or not subject.ignored:
        return None
    return case.ignored("subject", "mail.ignored_subject", f"the subject fits “{subject.ignored}”", shown=IGNORED)


def _denied_sender(case: Case) -> Verdict | None:
    """Ignore a sender on the deny list; one who is merely not on the allow list waits for a person (TAB-13)."""
    verdict = case.finding("sender", SenderVerdict)
    if verdict is None or verdict.allowed or is_bounce(case):
        return None
    reason = f"the sender may not write: {verdict.reason}"
    is_denied = judge(case.sender, allowed=(), denied=case.rules.denied_senders) is not None
    if is_denied or case.options.strict_compatibility:
        return case.ignored("sender", "mail.denied_sender", reason)
    return case.quarantined("sender", "mail.unlisted_sender", reason)


def _rule(case: Case) -> Verdict | None:
    if case.rule is None:
        return None
    reason = f"by the rule “{case.rule.name}”" + (f": {case.action.reason}" if case.action.reason else "")
    if case.action.do is Do.IGNORE:
        return case.ignored("rule", "rule.ignore", f"ignored {reason}")
    if case.action.do is Do.QUARANTINE:
        return case.quarantined("rule", "rule.quarantine", f"held {reason}")
    if case.action.do is Do.QUEUE and case.received.queue == INCOMING:  # whoever moved it on meanwhile meant that queue
        case.note("rule", f"moved to the queue “{case.action.queue}” {reason}", code="rule.queue")
        return case.verdict(Outcome.RECEIVED, moved_to=case.action.queue)
    case.note("rule", f"{case.action.do} {reason}")
    return None
