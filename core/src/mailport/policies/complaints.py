"""Complaints: a recipient called a mail of ours spam (Abuse Reporting Format, RFC 5965)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailport.message import Message
from mailport.policies import Recogniser, Stage
from mailport.policies.reports import mails_concerned, message_id_in, read_report
from mailport.rules import RecognitionRules

__all__ = ["Complaint", "ComplaintRecogniser"]


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a provider reports: ``kind`` is the feedback type (abuse, fraud, opt-out, not-spam, auth-failure, ...)."""

    kind: str
    reason: str
    recipients: tuple[str, ...] = ()
    original_message_id: str = ""


class ComplaintRecogniser(Recogniser):
    """Reads the reports of feedback loops."""

    name = "complaint"
    stage = Stage.CONTENT

    def recognise(self, message: Message, rules: RecognitionRules) -> Complaint | None:  # noqa: ARG002 - as in the contract
        """Return the complaint, or None."""
        report = read_report(message, "message/feedback-report")
        fields = next((block for block in report.blocks if "feedback-type" in block), None) if report else None
        if report is None or fields is None:
            return _junk_mail_report(message)
        kind = fields["feedback-type"].lower()
        named = (fields.get("original-rcpt-to", ""), fields.get("removal-recipient", ""))
        recipients = tuple(dict.fromkeys(address.strip("<> ") for address in named if address))
        return Complaint(kind, f"feedback report of type {kind} (RFC 5965)", recipients, report.original_message_id)


_HOTMAIL = re.compile(r"^X-HmXmrOriginalRecipient:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)


def _junk_mail_report(message: Message) -> Complaint | None:
    """Read a report of Microsoft's Junk Mail Reporting Program: the mail itself, with the recipient in a header of its own."""
    for head in mails_concerned(message):
        if recipient := _HOTMAIL.search(head):
            reason = "junk mail report (X-HmXmrOriginalRecipient)"
            return Complaint("abuse", reason, (recipient.group(1).strip("<>"),), message_id_in(head))
    return None
