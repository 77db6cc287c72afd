"""The command ``mailport``: finds its subcommands when they are needed, and turns every error into one message and a code."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

import click

from mailport.cli.contributed import Contribution, contributions
from mailport.cli.exits import Exit, of_error
from mailport.cli.options import pass_output
from mailport.cli.output import Output
from mailport.errors import ConfigurationError, MailportError, PluginError

__all__ = ["OWN", "app"]

_UNWRITABLE = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
OWN = frozenset({"fields", "plugins", "protocols", "receive", "send", "test"})
"""Our own commands: module and function have the command's name."""


class Commands(click.Group):
    """The group of all commands, our own and those of other packages."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names, without importing anything."""
        return sorted(OWN | {contribution.name for contribution in contributions(OWN)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import one command, or return a stand-in that says why it is broken."""
        if cmd_name in OWN:
            command: click.Command = getattr(import_module(f"mailport.cli.{cmd_name}"), cmd_name)
            return command
        found = next((one for one in contributions(OWN) if one.name == cmd_name), None)
        return _loaded(found) if found else None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whatever it raises ends in one message and an exit code."""
        output = ctx.ensure_object(Output)
        with _log_as_warnings(output):
            code = _run(super().invoke, ctx, output)
        ctx.exit(code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="mailport", message="%(prog)s %(version)s")
@click.option("--traceback", is_flag=True, help="Show where in the code an error comes from.")
@pass_output
def app(output: Output, /, *, traceback: bool) -> None:
    """Send and receive mail through whatever mail system an account has.

    An account is a TOML file: protocol, user_name, and the fields that `mailport fields PROTOCOL` lists. Exit codes: 0 done,
    1 unexpected, 2 usage, 3 configuration, 4 credentials or permission, 5 try again later, 6 refused, 7 uncertain,
    8 not found, 9 plugin, 10 unsupported.
    """
    output.traceback = traceback


def _loaded(contribution: Contribution) -> click.Command:
    try:
        return contribution.load()
    except PluginError as error:
        broken = error

    def fail() -> None:
        raise broken

    return click.Command(contribution.name, callback=fail, short_help=f"(broken: {broken})")


def _run(invoke: Any, ctx: click.Context, output: Output) -> int:
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
        output.failure(error if isinstance(error, MailportError) else _unexpected(error))
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


def _unexpected(error: Exception) -> MailportError:
    """Return a fault as an error of ours. Its own text may hold anything, a secret too, and is only shown on request."""
    fault = MailportError(
        f"There is a fault in mailport or in a plugin: {type(error).__name__}.",
        code="cli.unexpected",
        remedy="Run mailport --traceback ... and report what it prints.",
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
def _log_as_warnings(output: Output) -> Iterator[None]:
    """Show what the library logs as warnings, a broken plugin for instance, in the command's own manner."""
    handler = _Warnings(output)
    logging.getLogger("mailport").addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("mailport").removeHandler(handler)
