"""Exit codes: what the caller of a command should do, as the error classes say it."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from mailport import errors

if TYPE_CHECKING:
    from mailport.receipt import Receipt

__all__ = ["Exit", "of_error", "of_name", "of_receipt"]


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    CONFIGURATION = 3
    CREDENTIALS = 4
    LATER = 5
    REFUSED = 6
    UNCERTAIN = 7
    NOT_FOUND = 8
    PLUGIN = 9
    UNSUPPORTED = 10
    INTERRUPTED = 130  # as shells count: 128 + SIGINT
    PIPE_CLOSED = 141  # 128 + SIGPIPE


_BY_CLASS: dict[type[Exception], Exit] = {
    errors.ConfigurationError: Exit.CONFIGURATION,
    errors.AuthenticationFailed: Exit.CREDENTIALS,
    errors.PermissionDenied: Exit.CREDENTIALS,
    errors.Unreachable: Exit.LATER,
    errors.Throttled: Exit.LATER,
    errors.Refused: Exit.REFUSED,
    errors.Uncertain: Exit.UNCERTAIN,
    errors.NotFound: Exit.NOT_FOUND,
    errors.PluginError: Exit.PLUGIN,
    errors.UnsupportedFeature: Exit.UNSUPPORTED,
    errors.TransportError: Exit.REFUSED,  # the rest: an answer that stops the work and that waiting does not change
}

# The worst first: what must not be sent again blindly, then what was refused for good, then what may be tried later.
_BY_STATUS = {
    "uncertain": Exit.UNCERTAIN,
    "refused": Exit.REFUSED,
    "deferred": Exit.LATER,
    "blocked": Exit.CONFIGURATION,
}


def of_error(error: BaseException) -> Exit:
    """Return the exit code of an error's class."""
    return _of_class(type(error))


def of_name(name: str) -> Exit:
    """Return the exit code for the name of an error's class, as a report of Test Connection gives it."""
    return _of_class(getattr(errors, name, Exception))


def _of_class(kind: type[BaseException]) -> Exit:
    return next((code for known, code in _BY_CLASS.items() if issubclass(kind, known)), Exit.UNEXPECTED)


def of_receipt(receipt: Receipt) -> Exit:
    """Return the exit code of the worst that happened to a recipient."""
    found = {result.status.value for result in receipt.recipients}
    return next((code for status, code in _BY_STATUS.items() if status in found), Exit.OK)
