"""What several commands share: arguments, options, and the way from an account file to an account."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mailport.cli.output import Output

if TYPE_CHECKING:
    from mailport.account import Account
    from mailport.host import Mailport

__all__ = ["account_argument", "direction_option", "host_options", "json_option", "make_host", "open_account", "pass_output"]

Function = TypeVar("Function", bound=Callable[..., Any])

FILE = click.Path(path_type=Path, readable=False)
"""A path that the command itself looks at: a wrong one is an error of configuration that names it, not one of usage."""

pass_output = click.make_pass_decorator(Output, ensure=True)


def _ask_for_json(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    ctx.ensure_object(Output).json |= wanted


json_option = click.option(
    "--json", is_flag=True, is_eager=True, expose_value=False, callback=_ask_for_json, help="Print one JSON document."
)
account_argument = click.argument("account", metavar="ACCOUNT.toml", type=FILE)
direction_option = click.option(
    "--direction", type=click.Choice(["outgoing", "incoming"]), help="Which way, where the protocol has both."
)


def host_options(function: Function) -> Function:
    """Add the options that say what this machine allows."""
    root = click.option(
        "--local-root",
        type=FILE,
        envvar="MAILPORT_LOCAL_ROOT",
        show_envvar=True,
        help="Below which folder mail may be kept on this machine; default: the folder of the account file.",
    )
    legacy = click.option("--allow-legacy-tls", is_flag=True, help="Let inboxes of component type Basic speak TLS 1.0.")
    return root(legacy(function))


def make_host(account: Path, *, local_root: Path | None, allow_legacy_tls: bool = False) -> Mailport:
    """Return a host for the accounts of one command."""
    from mailport.host import Mailport  # noqa: PLC0415 - showing help needs no host

    return Mailport(local_root=local_root or account.parent, allow_legacy_tls=allow_legacy_tls)


def open_account(host: Mailport, path: Path, output: Output, direction: str | None = None) -> Account:
    """Read an account file and warn about secrets that stand in it."""
    from mailport.account_file import AccountFile  # noqa: PLC0415 - showing help reads no account

    file = AccountFile.read(path)
    account = file.account(host, direction)
    for name in file.literal_secrets(host.protocol(account.protocol)):
        output.warn(f'{path}: {name} stands in the file; better: {name} = {{ env = "NAME" }} or {{ file = "path" }}')
    return account
