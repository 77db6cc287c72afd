"""Running one command: every error ends in one message and an exit code, and what the library logs is told as a warning."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from mailport.cli.exits import Exit, of_error
from mailport.cli.output import Output
from mailport.errors import ConfigurationError, MailportError

__all__ = ["log_as_warnings", "run"]

_UNWRITABLE = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def run(invoke: Any, ctx: click.Context, output: Output) -> int:
    """Run the command and return its exit code, also where stdout takes nothing."""
    try:
        code = _told(invoke, ctx, output)
        sys.stdout.flush()  # a reader that went away is noticed here, not when the interpreter ends
    except BrokenPipeError:
        _silence_stdout()
        return Exit.PIPE_CLOSED
    except OSError as error:
        _silence_stdout()
        output.json = False  # nobody could read the document
        output.complain(_unwritten(error))
        return Exit.CONFIGURATION
    return code


def _told(invoke: Any, ctx: click.Context, output: Output) -> int:
    """Run the command and tell its error. Usage errors and explicit exits are click's to handle."""
    try:
        invoke(ctx)
    except (click.ClickException, click.exceptions.Exit):
        raise
    except (KeyboardInterrupt, click.Abort):
        output.note("interrupted")
        return Exit.INTERRUPTED
    except Exception as error:
        if _is_of_stdout(error):
            raise
        program = ctx.find_root().info_name or "mailport"
        output.failure(error if isinstance(error, MailportError) else _unexpected(error, program))
        return of_error(error)
    return Exit.OK


def _is_of_stdout(error: Exception) -> bool:
    """Whether stdout takes nothing. Files of our own and connections are told as errors of ours before they come here."""
    if isinstance(error, MailportError) or not isinstance(error, OSError):
        return False
    return error.errno in _UNWRITABLE and error.filename is None


def _unwritten(error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"The output cannot be written: {error.strerror or error}.",
        code="settings.unwritable",
        remedy="Check where stdout leads, and the space left there.",
    )


def _unexpected(error: Exception, program: str) -> MailportError:
    """Return a fault as an error of ours. Its own text may hold anything, a secret too, and is only shown on request."""
    fault = MailportError(
        f"There is a fault in mailport or in a plugin: {type(error).__name__}.",
        code="cli.unexpected",
        remedy=f"Run {program} --traceback ... and report what it prints.",
    )
    fault.__cause__ = error
    return fault


def _silence_stdout() -> None:
    """Let what is still buffered go nowhere."""
    with suppress(OSError, ValueError):  # ValueError: a stdout without a file descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Warnings(logging.Handler):
    def __init__(self, output: Output) -> None:
        super().__init__(logging.WARNING)
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.warn(record.getMessage())


@contextmanager
def log_as_warnings(output: Output, *loggers: str) -> Iterator[None]:
    """Show what ``mailport`` and further ``loggers`` warn of, a broken plugin for instance, in the command's own manner."""
    handler = _Warnings(output)
    names = ("mailport", *loggers)
    for name in names:
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name in names:
            logging.getLogger(name).removeHandler(handler)
