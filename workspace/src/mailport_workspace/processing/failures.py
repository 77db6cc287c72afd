"""The incident that tells of a mail which could not be processed (INB-21)."""

from __future__ import annotations

from mailport.errors import MailportError
from mailport_workspace.intake.content import storable
from mailport_workspace.intake.verdict import Verdict
from mailport_workspace.processing.case import Case
from mailport_workspace.records.interface import AttachedMail, RecordWork
from mailport_workspace.tables import ActivityKind

__all__ = ["failure_record"]

_INCIDENT = "incident"
_LONGEST = 200


async def failure_record(work: RecordWork, case: Case, error: BaseException) -> Verdict:
    """Return the end of a failed mail, with the incident that is linked to it where the tenant wants one."""
    code, said = _described(error)
    if not case.options.incident_on_failure:
        return case.failed("process", code, said)
    title = f"Mail could not be processed: {case.subject[:_LONGEST]}"
    fields = {"description": _description(case, said)}
    incident = await work.create(_INCIDENT, fields, key=f"{case.key}.failure", title=title)
    await work.attach(incident, _bare_mail(case))
    case.note("record", f"{incident.type} {incident.number} tells of it")
    return case.failed("process", code, said, record=incident)


def _described(error: BaseException) -> tuple[str, str]:
    """Return code and text; that of a foreign error may hold anything, so only its class is told."""
    if isinstance(error, MailportError):
        return error.code, str(error)
    return "intake.failed", f"processing failed with {type(error).__name__}"


def _description(case: Case, said: str) -> str:
    lines = ("Inbox", case.inbox), ("From", case.sender_mailbox), ("Message-ID", case.message.message_id), ("Error", said)
    return storable("\n".join(f"{name}: {value}" for name, value in lines))


def _bare_mail(case: Case) -> AttachedMail:
    """Return the mail without its parts: perhaps they are what failed."""
    return AttachedMail(
        journal_id=case.received.journal_id,
        kind=ActivityKind.MAIL_IN,
        sender=case.sender_mailbox,
        subject=case.subject,
        text="",
        at=case.at,
        raw_id=case.received.raw_id if case.keep_original else None,
    )
