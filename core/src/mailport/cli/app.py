"""The command ``mailport``: finds its subcommands when they are needed, and turns every error into one message and a code."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from mailport.cli.contributed import Contribution, contributions
from mailport.cli.options import pass_output
from mailport.cli.output import Output
from mailport.cli.running import log_as_warnings, run
from mailport.errors import PluginError

__all__ = ["OWN", "app"]

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
        with log_as_warnings(output):
            code = run(super().invoke, ctx, output)
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
