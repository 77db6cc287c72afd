"""A failure that several messages share, or that a request has: for each message an error with a receipt of its own."""

from __future__ import annotations

from copy import copy
from typing import TypeVar

from mailport.errors import MailportError, Refused, Throttled, Uncertain
from mailport.message import Message
from mailport.receipt import Receipt, Status

__all__ = ["own_error"]

_Error = TypeVar("_Error", bound=MailportError)

_STATUS: dict[type[MailportError], Status] = {
    Refused: Status.REFUSED,
    Throttled: Status.DEFERRED,
    Uncertain: Status.UNCERTAIN,
}


def own_error(error: _Error, message: Message) -> _Error:
    """Return a copy of ``error`` for one message, for services that take a message for all its recipients or for none.

    It has a receipt where the error tells what became of the message, and keeps one that it had.
    """
    own = copy(error)
    own.__cause__ = error.__cause__
    status = _STATUS.get(type(error))
    if own.receipt is None and status is not None:
        own.receipt = Receipt.for_all(message.message_id, message.recipients, status, text=error.message)
    return own
