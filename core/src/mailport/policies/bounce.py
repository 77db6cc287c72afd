"""Bounces: which recipients a mail did not reach, and which mail it was (RFC 3464, and servers that write prose)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mailport.message import Message
from mailport.policies import Recogniser, Stage
from mailport.policies.automatic import has_null_return_path
from mailport.policies.bounce_prose import Prose, read_prose
from mailport.policies.reports import Report, read_report
from mailport.policies.senders import is_machine
from mailport.rules import RecognitionRules

__all__ = ["Bounce", "BounceCause", "BounceRecogniser", "FailedRecipient"]


class BounceCause(StrEnum):
    """Why a recipient was not reached, as far as the enhanced status code of RFC 3463 tells."""

    UNKNOWN_RECIPIENT = "unknown_recipient"
    MAILBOX_FULL = "mailbox_full"
    POLICY = "policy"
    TOO_LARGE = "too_large"
    UNREACHABLE = "unreachable"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """One recipient who was not reached.

    ``status`` is the enhanced status code (``5.1.1``), ``diagnostic`` what the remote server said; both may be empty.
    ``final`` is false while the server still tries.
    """

    address: str
    status: str = ""
    diagnostic: str = ""
    final: bool = True

    @property
    def permanent(self) -> bool:
        """Whether sending again is useless; a server may also give up after transient errors."""
        return self.final and not self.status.startswith("4")

    @property
    def cause(self) -> BounceCause:
        """What the status code says in one word."""
        detail = self.status[2:]
        return _CAUSES.get(detail) or _CAUSES_OF_SUBJECTS.get(detail.partition(".")[0], BounceCause.OTHER)


_CAUSES = {
    "1.0": BounceCause.UNKNOWN_RECIPIENT,
    "1.1": BounceCause.UNKNOWN_RECIPIENT,
    "1.2": BounceCause.UNKNOWN_RECIPIENT,
    "1.3": BounceCause.UNKNOWN_RECIPIENT,
    "1.6": BounceCause.UNKNOWN_RECIPIENT,
    "1.10": BounceCause.UNKNOWN_RECIPIENT,  # RFC 7505: a null MX; Exchange: no such recipient
    "2.1": BounceCause.UNKNOWN_RECIPIENT,
    "2.2": BounceCause.MAILBOX_FULL,
    "2.3": BounceCause.TOO_LARGE,
    "3.4": BounceCause.TOO_LARGE,
}
_CAUSES_OF_SUBJECTS = {"4": BounceCause.UNREACHABLE, "7": BounceCause.POLICY}


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail that was not delivered, or not yet.

    ``original_message_id`` is the Message-ID of that mail, with angle brackets, or empty where the bounce does not tell.
    """

    reason: str
    recipients: tuple[FailedRecipient, ...] = ()
    original_message_id: str = ""

    @property
    def final(self) -> bool:
        """Whether the server has given up on somebody; a mere delay is false."""
        return any(recipient.final for recipient in self.recipients) or not self.recipients


class BounceRecogniser(Recogniser):
    """Reads what mail servers say about mail that they could not deliver. Receipts and disposition notices are none."""

    name = "bounce"
    stage = Stage.CONTENT

    def recognise(self, message: Message, rules: RecognitionRules) -> Bounce | None:
        """Return the recipients at fault and the mail concerned, or None."""
        report = read_report(message, "message/delivery-status", "message/global-delivery-status")
        if report and _tells_recipients(report) and _is_from_server(message):
            return _from_report(report)
        prose = None if _is_other_report(message) else read_prose(message, rules)
        return _from_prose(prose) if prose else None


def _is_from_server(message: Message) -> bool:
    """Whether a server wrote it: a person who passes a report on keeps its parts, and is no bounce."""
    is_report = "multipart/report" in message.header("Content-Type").lower()
    return is_report or has_null_return_path(message) or bool(message.sender and is_machine(message.sender))


def _is_other_report(message: Message) -> bool:
    """Whether it is a receipt or a complaint: those are not bounces, whatever their prose says."""
    content_type = message.header("Content-Type").lower()
    return "disposition-notification" in content_type or "feedback-report" in content_type


def _tells_recipients(report: Report) -> bool:
    """Whether the part for machines is complete; some servers leave it at their own name and write the rest as prose."""
    return any("final-recipient" in block or "original-recipient" in block for block in report.blocks)


def _from_report(report: Report) -> Bounce | None:
    failed = tuple(recipient for block in report.blocks if (recipient := _recipient(block)))
    if not failed:
        return None
    return Bounce("delivery status notification (RFC 3464)", failed, report.original_message_id)


_DELIVERED = frozenset({"delivered", "relayed", "expanded"})
_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


def _recipient(block: Mapping[str, str]) -> FailedRecipient | None:
    address = _address(block.get("original-recipient", "")) or _address(block.get("final-recipient", ""))
    action = block.get("action", "").lower().strip()
    code = _CODE.match(block.get("status", ""))
    status = code.group() if code else ""
    if not address or action in _DELIVERED or (not action and status.startswith("2")):
        return None
    final = action != "delayed" if action else not status.startswith("4")
    return FailedRecipient(address, status, _diagnostic(block), final)


def _address(field: str) -> str:
    """Return the address of "rfc822; bob@example.org"; X.400 names and Exchange's own have none."""
    kind, semicolon, value = field.partition(";")
    address = (value if semicolon else kind).strip().strip("<>").strip()
    is_mail = not semicolon or kind.strip().lower() in {"rfc822", "rfc/822", "utf-8"}
    return address if is_mail and "@" in address else ""


def _diagnostic(block: Mapping[str, str]) -> str:
    kind, semicolon, text = block.get("diagnostic-code", "").partition(";")
    return (text if semicolon else kind).strip()


def _from_prose(prose: Prose) -> Bounce:
    failed = tuple(FailedRecipient(one.address, one.status, one.text, prose.final) for one in prose.recipients)
    return Bounce(prose.reason, failed, prose.original_message_id)
