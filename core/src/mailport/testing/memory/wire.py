"""The server's words as receipts."""

from __future__ import annotations

from mailport.errors import Refused, Throttled
from mailport.message import Message
from mailport.receipt import Receipt, RecipientResult, Status
from mailport.testing.memory.transfer import Answer, Transfer

__all__ = ["raise_if_nobody_may", "receipt"]

_STATUSES = {2: Status.ACCEPTED, 4: Status.DEFERRED, 5: Status.REFUSED}


def receipt(message: Message, transfer: Transfer, answer: Answer | None = None) -> Receipt:
    """Return what became of each recipient."""
    return Receipt(
        message_id=message.message_id,
        recipients=tuple(
            RecipientResult(address=address, status=_STATUSES[code // 100], reply_code=code, text=text)
            for address, (code, text) in transfer.verdicts.items()
        ),
        provider_id=answer.provider_id if answer else None,
        reply=answer.text if answer else "",
    )


def raise_if_nobody_may(message: Message, transfer: Transfer) -> None:
    """Raise where no recipient is left: Throttled if one of them may be accepted later, else Refused."""
    outcome = receipt(message, transfer)
    if outcome.with_status(Status.ACCEPTED):
        return
    if outcome.with_status(Status.DEFERRED):
        raise Throttled("The server takes no recipient for now.", receipt=outcome)
    raise Refused("The server refused every recipient.", code="send.recipients", receipt=outcome)
