"""``mailport test``: does an account work, and if not, why."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailport.cli.exits import Exit, of_name
from mailport.cli.options import (
    FILE,
    account_argument,
    direction_option,
    host_options,
    json_option,
    make_host,
    open_account,
    pass_output,
)
from mailport.cli.output import Output
from mailport.errors import ConfigurationError
from mailport.fields import Direction

if TYPE_CHECKING:
    from mailport.account import Account
    from mailport.diagnosis import Report, RungResult
    from mailport.host import Mailport

__all__ = ["test"]


@click.command()
@account_argument
@direction_option
@click.option("--send", is_flag=True, help="If the connection works, send one mail to the address in User Name.")
@click.option(
    "--round-trip",
    metavar="INCOMING.toml",
    type=FILE,
    help="Send the mail, and look for it in the same mailbox with this account.",
)
@host_options
@json_option
@pass_output
@click.pass_context
def test(
    ctx: click.Context,
    output: Output,
    /,
    *,
    account: Path,
    direction: str | None,
    send: bool,
    round_trip: Path | None,
    **machine: Any,
) -> None:
    """Test the connection of an account, step by step. The exit code is that of the first failure."""
    host = make_host(account, **machine)
    tested = open_account(host, account, output, direction)
    incoming = open_account(host, round_trip, output, "incoming") if round_trip else None
    if incoming and incoming.user_name.casefold() != tested.user_name.casefold():
        output.warn(f"The mail goes to {tested.user_name}, and is looked for in the mailbox of {incoming.user_name}.")
    sends = send or incoming is not None
    _announce(output, account, tested, sends=sends)
    report = asyncio.run(_climb(host, tested, output, sends=sends, incoming=incoming))
    output.data({"protocol": tested.protocol, "direction": tested.direction} | report.as_dict())
    ctx.exit(of_name(report.cause.error) if report.cause else Exit.OK)


def _announce(output: Output, path: Path, account: Account, *, sends: bool) -> None:
    """Say beforehand what will happen (TST-01)."""
    if sends and account.direction is Direction.INCOMING:
        raise ConfigurationError(
            f"{path}: This account receives; it cannot send a test mail.",
            code="settings.direction",
            field="direction",
            remedy="Name the outgoing account, and this one after --round-trip.",
        )
    if sends:
        output.note(f"This checks the connection and then sends a mail to {account.user_name}.")
    else:
        output.note("This checks the connection; it sends nothing and changes nothing.")


async def _climb(host: Mailport, account: Account, output: Output, *, sends: bool, incoming: Account | None) -> Report:
    def show(result: RungResult) -> None:
        output.say(f"{result.state:7}", f"{result.rung:14}", f"{result.seconds:6.2f} s", f"  {result.said}")
        if result.code:
            output.say(f"{'':8}code:  ", result.code)
        if result.field:
            output.say(f"{'':8}field: ", result.field)
        if result.remedy:
            output.say(f"{'':8}remedy:", result.remedy)

    async with host:
        return await host.test_connection(account, send=sends, round_trip=incoming, on_rung=show)
