"""What became of a message: replies to a receipt, or to the error that nobody getting it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailport.account import Account
from mailport.errors import MailportError, Refused, Throttled, Uncertain, Unreachable
from mailport.receipt import Receipt, RecipientResult, Status
from mailport.transport import Rung
from mailport_smtp.said import clean
from mailport_smtp.smtp.pipeline import Closing, Withdrawn
from mailport_smtp.smtp.replies import Reply
from mailport_smtp.smtp.transaction import Lost, Verdict
from mailport_smtp.translate import explain, explain_failure

__all__ = ["judge", "of_lost"]

_QUEUED_AS = re.compile(r"\bqueued as <?([\w.-]+)", re.IGNORECASE)


def judge(verdict: Verdict, message_id: str, recipients: Sequence[str], account: Account) -> Receipt:
    """Return the receipt of a message that somebody got.

    Raises ``Throttled`` or ``Refused`` (or another error that says more) with the receipt when nobody did.
    """
    replies = _decisive(verdict, len(recipients))
    results = tuple(_result(*pair, account) for pair in zip(recipients, replies, strict=True))
    last = verdict.content or verdict.data or verdict.mail
    queued = _QUEUED_AS.search(last.text) if last.is_positive else None
    receipt = Receipt(
        message_id=message_id,
        recipients=results,
        provider_id=queued[1] if queued else None,
        reply=_shown(last, account),
    )
    if not receipt.with_status(Status.ACCEPTED):
        raise _nobody(receipt, replies, account)
    return receipt


def _decisive(verdict: Verdict, count: int) -> list[Reply]:
    """Return, for each recipient, the reply that decided: the first refusal, else the last word."""
    if not verdict.mail.is_positive:
        return [verdict.mail] * count
    last = verdict.content or _no_content(verdict.data)
    return [last if reply.is_positive else reply for reply in verdict.recipients]


def _no_content(data: Reply | None) -> Reply:
    """Return the reply to DATA as a refusal, also where a broken server says yes instead of asking for the content."""
    return data if data is not None and data.code >= 400 else Reply(503, ("5.5.1 DATA was not answered with 354",))


def _result(address: str, reply: Reply, account: Account) -> RecipientResult:
    return RecipientResult(
        address=address,
        status=_status(reply, account),
        reply_code=reply.code,
        enhanced_code=reply.enhanced,
        text=clean(reply.text, account),
    )


def _status(reply: Reply, account: Account) -> Status:
    if reply.is_positive:
        return Status.ACCEPTED
    is_deferred = isinstance(explain(reply, Rung.SEND, account), Throttled)
    return Status.DEFERRED if is_deferred else Status.REFUSED


def _nobody(receipt: Receipt, replies: Sequence[Reply], account: Account) -> MailportError:
    """Return the error for a message that nobody got; one recipient who may get it later makes it worth another try."""
    deferred = [reply for reply, result in zip(replies, receipt.recipients, strict=True) if result.status is Status.DEFERRED]
    error = explain((deferred or replies)[0], Rung.SEND, account)
    error.receipt = receipt
    return error


def of_lost(lost: Lost, message_id: str, recipients: Sequence[str], account: Account) -> MailportError:
    """Return the error for a message whose session ended before it was answered."""
    if lost.handed_over:
        return Uncertain(
            "The server took the message and gave no answer.",
            code="send.uncertain",
            remedy="Find out whether it arrived before sending it again.",
            receipt=Receipt(message_id=message_id, recipients=_uncertain(lost, recipients, account)),
        )
    if isinstance(lost.why, Closing):
        return _of_closing(lost.why.reply, account)
    if isinstance(lost.why, Withdrawn):
        return Unreachable(
            "The session ended because another message on it was given up; this one was not sent.",
            code="send.session_ended",
            remedy="Send it again.",
        )
    return explain_failure(lost.why, Rung.SEND, account)


def _uncertain(lost: Lost, recipients: Sequence[str], account: Account) -> tuple[RecipientResult, ...]:
    """Return the results of a message without an answer: those refused before it was written are certain."""
    heard = zip(recipients, lost.recipients, strict=True)
    return tuple(
        RecipientResult(address=address, status=Status.UNCERTAIN) if reply.is_positive else _result(address, reply, account)
        for address, reply in heard
    )


def _of_closing(reply: Reply, account: Account) -> MailportError:
    """Return the error for a server that hangs up: mostly it is a matter of time, unless it says that it is for good."""
    error = explain(reply, Rung.SEND, account)
    if isinstance(error, Throttled | Refused):
        return error
    return Unreachable(
        f"The server ended the session: {clean(reply.text, account)}", code="send.session_ended", remedy="Send it again."
    )


def _shown(reply: Reply, account: Account) -> str:
    return clean(" ".join(str(part) for part in (reply.code, reply.enhanced, reply.text) if part), account)
