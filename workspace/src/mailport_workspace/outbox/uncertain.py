"""A mail that was handed over without an answer: it is looked for before anything else happens (SND-28).

Found, it was sent. Not found is believed only after several looks with growing waits: indexes of mail systems lag, and the
server may still be at work. Where the protocol cannot tell, the account's rule decides: hold it for a person, or send it again.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailport import Account, Mailport
from mailport.errors import AuthenticationFailed, MailportError
from mailport.rules import OutgoingRules, UncertainAction
from mailport_workspace.outbox.retry import Decision, Halt, RetryRules
from mailport_workspace.queries.draining import ClaimedMail
from mailport_workspace.tables import OutboxState

__all__ = ["LookedUp", "look_up"]

LOOK_AGAIN = (30.0, 120.0, 600.0)
"""Seconds to wait after each look that found nothing; after the last one it is believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedUp:
    """What a look led to. ``found`` is None where nobody can tell; ``error`` says why there was no look."""

    mail: ClaimedMail
    found: bool | None
    decision: Decision
    text: str
    error: MailportError | None = None


async def look_up(mailport: Mailport, account: Account, mail: ClaimedMail, rules: RetryRules) -> LookedUp:
    """Look for one uncertain mail, and decide."""
    try:
        found = await _find(mailport, account, mail)
    except MailportError as error:
        halt = Halt.CIRCUIT if isinstance(error, AuthenticationFailed) else Halt.NONE
        wait = error.retry_after or rules.wait(mail.lookups + 1)
        decision = Decision(state=OutboxState.UNCERTAIN, wait=wait, halt=halt)
        return LookedUp(
            mail=mail, found=None, decision=decision, text=f"It could not be looked for: {error.message}", error=error
        )
    state, wait, text = _judged(found, mail.lookups, account)
    return LookedUp(mail=mail, found=found, decision=Decision(state=state, wait=wait), text=text)


async def _find(mailport: Mailport, account: Account, mail: ClaimedMail) -> bool | None:
    """Ask only where the protocol can answer (a connection for nothing is a burden), and where the answer is about this try.

    A mail that was sent before, to others or once already, is there under the same Message-ID whatever became of this try.
    """
    if not mail.message_id or mail.was_sent or not mailport.protocol(account.protocol).capabilities.lookup:
        return None
    return await mailport.find(mail.message_id, account)


def _judged(found: bool | None, lookups: int, account: Account) -> tuple[OutboxState, float, str]:
    """Return what becomes of the mail, after how many seconds, and why."""
    if found:
        return OutboxState.SENT, 0.0, "The mail system has it: it was sent."
    if found is False and lookups < len(LOOK_AGAIN):
        return OutboxState.UNCERTAIN, LOOK_AGAIN[lookups], "The mail system does not have it yet; it is looked for again."
    if found is False:
        return OutboxState.QUEUED, 0.0, "The mail system does not have it: it is sent again."
    if isinstance(account.rules, OutgoingRules) and account.rules.uncertain_action is UncertainAction.RESEND:
        return OutboxState.QUEUED, 0.0, "Nobody can tell whether it was sent; the account's rule says to send it again."
    return OutboxState.HELD, 0.0, "It was handed over without an answer, and nobody can tell whether it was sent."
