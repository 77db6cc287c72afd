"""The command ``mailport-workspace``: finds its subcommands when they are needed; every error is one message and a code."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from mailport.cli.options import pass_output
from mailport.cli.output import Output
from mailport.cli.running import log_as_warnings, run

__all__ = ["COMMANDS", "app"]

COMMANDS = {
    "demo": "demo",
    "doctor": "doctor",
    "export": "transfer",
    "import": "transfer",
    "migrate": "migrate",
    "new-key": "keys",
    "rotate-keys": "keys",
    "serve": "serve",
    "tenant": "tenant",
    "user": "user",
    "worker": "worker",
}
"""Each command with its module; the function is called as the command, with underscores, and one after a reserved word."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"mailport_workspace.cli.{COMMANDS[cmd_name]}")
        function = f"{cmd_name.replace('-', '_')}{'_' if cmd_name == 'import' else ''}"
        command: click.Command = getattr(module, function)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        output = ctx.ensure_object(Output)
        with log_as_warnings(output, "mailport_workspace"):  # until a command sets up a log of its own
            code = run(super().invoke, ctx, output)
        ctx.exit(code)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="mailport-workspace", message="%(prog)s %(version)s")
@click.option("--traceback", is_flag=True, help="Show where in the code an error comes from.")
@pass_output
def app(output: Output, /, *, traceback: bool) -> None:
    """Operate a mailport workspace: many tenants, each with its own mail system.

    Settings come from the environment (MAILPORT_...).  Exit codes: 0 done,
    1 unexpected, 2 usage, 3 configuration, 4 credentials or permission, 5 try again later, 8 not found, 9 plugin.
    """
    output.traceback = traceback
