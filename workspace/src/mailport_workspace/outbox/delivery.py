"""One mail on its way: read back from its bytes, handed over, and what came of it in the words of the outbox."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime

from mailport import Account, Address, AutoSubmitted, Mailport, Message
from mailport.causes import causes
from mailport.errors import MailportError, UnsupportedFeature
from mailport.policies.sealed import is_sealed
from mailport.receipt import Receipt, RecipientResult, Status
from mailport_workspace.outbox.retry import Decision, RetryRules, decide
from mailport_workspace.outbox.states import state_of
from mailport_workspace.queries.draining import ClaimedMail
from mailport_workspace.storable import storable
from mailport_workspace.tables import OutboxState

__all__ = ["Delivered", "deliver", "lost"]

_log = logging.getLogger(__name__)

_NO_BYTES = Decision(state=OutboxState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What came of one attempt. ``decision`` says what follows; ``left`` are recipients that are to be tried again.

    ``error`` is for everybody who may see the mail, ``detail`` for administrators (SND-25).
    """

    mail: ClaimedMail
    started_at: datetime
    decision: Decision
    receipts: tuple[RecipientResult, ...] = ()
    code: str = ""
    error: str = ""
    detail: str = ""
    left: tuple[str, ...] = ()
    cause: MailportError | None = None

    @property
    def state(self) -> OutboxState:
        """The state that the mail gets."""
        return self.decision.state


async def deliver(
    mailport: Mailport, account: Account, mail: ClaimedMail, content: bytes | None, *, rules: RetryRules, started_at: datetime
) -> Delivered:
    """Hand one mail over; whatever happens is an answer."""
    if content is None:
        text = "The bytes of this mail are purged: it cannot be sent any more."
        return Delivered(mail=mail, started_at=started_at, decision=_NO_BYTES, code="store.purged", error=text)
    try:
        receipt = await _submit(mailport, account, _message(mail, content, account), is_narrowed=_only(mail) is not None)
    except Exception as error:
        return _failed(mail, error, account, rules=rules, started_at=started_at)
    return _answered(mail, receipt, rules=rules, started_at=started_at)


def lost(mail: ClaimedMail, moment: datetime, decision: Decision) -> Delivered:
    """Return what is known of a mail that another drainer was about to hand over when it went away: nothing (SND-28)."""
    text = "The worker that sent this mail went away before the server's answer was stored."
    return Delivered(mail=mail, started_at=moment, decision=decision, code="send.uncertain", error=text)


def _message(mail: ClaimedMail, content: bytes, account: Account) -> Message:
    message = Message.read(content)
    if message.sender is None and (default := _default_sender(account)):
        message = message.replace(sender=Address(default))
    to = _only(mail) or mail.envelope.get("to")
    return message.replace(
        envelope_from=mail.envelope.get("from"),
        envelope_to=None if to is None else tuple(to),
        conversation_id=mail.conversation_id,
        automatic=AutoSubmitted(mail.automatic) if mail.automatic else None,
    )


def _default_sender(account: Account) -> str:
    return str(getattr(account.settings, "from_address", "") or account.user_name)


def _only(mail: ClaimedMail) -> list[str] | None:
    """Return the recipients that are still to get the mail, where others have it already."""
    only: list[str] | None = mail.envelope.get("only") or (mail.envelope.get("to") if mail.parent_id else None)
    return only


async def _submit(mailport: Mailport, account: Account, message: Message, *, is_narrowed: bool) -> Receipt:
    try:
        return await mailport.submit(message, account)
    except UnsupportedFeature as error:  # decided before anything was handed over
        if not (is_narrowed and error.field == "envelope_to") or is_sealed(message):
            raise
    return await mailport.submit(_readdressed(message), account)


def _readdressed(message: Message) -> Message:
    """Return the message addressed to its envelope only: some services send to everybody whom To and Cc name."""
    wanted = {mailbox.lower() for mailbox in message.recipients}
    lists = {
        name: tuple(address for address in getattr(message, name) if address.mailbox.lower() in wanted)
        for name in ("to", "cc", "bcc")
    }
    named = {address.mailbox.lower() for addresses in lists.values() for address in addresses}
    hidden = tuple(Address(mailbox) for mailbox in message.recipients if mailbox.lower() not in named)
    return message.replace(**{**lists, "bcc": (*lists["bcc"], *hidden), "envelope_to": None})


def _answered(mail: ClaimedMail, receipt: Receipt, *, rules: RetryRules, started_at: datetime) -> Delivered:
    state = state_of(receipt)
    return Delivered(
        mail=mail,
        started_at=started_at,
        decision=Decision(state=state, wait=rules.wait(mail.attempts + 1)),
        receipts=receipt.recipients,
        code="" if state is OutboxState.SENT else f"send.{state}",
        error="" if state is OutboxState.SENT else storable(_said(receipt)),
        detail=storable("\n".join(receipt.notes)),
        left=_deferred(receipt, state),
    )


def _failed(mail: ClaimedMail, error: Exception, account: Account, *, rules: RetryRules, started_at: datetime) -> Delivered:
    attempt = mail.attempts + 1
    decision = decide(error, attempt, rules)
    if not isinstance(error, MailportError):
        _log.exception("Sending mail %s failed in an unexpected way.", mail.journal_id)
        text = f"The mail could not be sent: {type(error).__name__}."
        return Delivered(mail=mail, started_at=started_at, decision=decision, code="mailport.error", error=text)
    receipt = error.receipt
    if receipt is not None and state_of(receipt) is OutboxState.PARTLY_REFUSED and decision.state is OutboxState.QUEUED:
        decision = replace(decision, state=OutboxState.PARTLY_REFUSED)  # refused for good, or asked to come later
    return Delivered(
        mail=mail,
        started_at=started_at,
        decision=decision,
        receipts=receipt.recipients if receipt else (),
        code=error.code,
        error=storable(account.redact(" ".join(filter(None, (error.message, error.remedy))))),
        detail=storable(account.redact(_detail(error))),
        left=_deferred(receipt, decision.state) if receipt else (),
        cause=error,
    )


def _deferred(receipt: Receipt, state: OutboxState) -> tuple[str, ...]:
    """Return the recipients that become an entry of their own."""
    deferred = receipt.with_status(Status.DEFERRED) if state is OutboxState.PARTLY_REFUSED else ()
    return tuple(result.address for result in deferred)


def _said(receipt: Receipt) -> str:
    unhappy = [result for result in receipt.recipients if result.status is not Status.ACCEPTED]
    return "; ".join(f"{result.address}: {result.text or result.status}" for result in unhappy)


def _detail(error: MailportError) -> str:
    """Return everything that is known of an error, and what led to it."""
    facts = {name: value for name, value in error.as_dict().items() if name != "problems"}
    _, *led_to_it = causes(error)
    return "\n".join([json.dumps(facts, ensure_ascii=False), *(f"{type(cause).__name__}: {cause}" for cause in led_to_it)])
