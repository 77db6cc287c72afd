"""The server's replies and failures as mailport errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mailport.errors import (
    AuthenticationFailed,
    MailportError,
    Refused,
    Throttled,
    TimedOut,
    TransportError,
    Uncertain,
    Unreachable,
)
from mailport.testing.memory.transfer import Reply, Transfer

__all__ = ["translated"]


@asynccontextmanager
async def translated(transfer: Transfer | None = None) -> AsyncIterator[None]:
    """Turn what the server or the connection raises inside the block into our errors.

    ``transfer`` is the message under way: whether it was handed over decides between Unreachable and Uncertain.
    """
    try:
        yield
    except MailportError:
        raise
    except Reply as reply:
        raise _of_reply(reply) from reply
    except OSError as error:  # TimeoutError is one
        raise _of_failure(error, handed_over=transfer is not None and transfer.handed_over.is_set()) from error


def _of_reply(reply: Reply) -> TransportError:
    code = str(reply.code)
    if reply.code == 535:
        return AuthenticationFailed(
            "The server refused the credentials.", field="password", remedy="Enter the password anew.", provider_code=code
        )
    if 400 <= reply.code < 500:
        return Throttled(
            f"The server asks to come back later: {reply.text}.", provider_code=code, retry_after=reply.retry_after
        )
    return Refused(f"The server refused: {reply.text}.", provider_code=code)


def _of_failure(error: OSError, *, handed_over: bool) -> TransportError:
    silent = isinstance(error, TimeoutError)
    if handed_over:
        return Uncertain(
            f"The server took the message and {'stayed silent' if silent else 'hung up'}.",
            remedy="Look the message up before sending it again.",
        )
    if silent:
        return TimedOut("The server stayed silent.", remedy="Try again later.")
    return Unreachable("The connection was lost.", remedy="Try again later.")
