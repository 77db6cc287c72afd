"""``mailport receive``: list a mailbox, or save what is new in it and then tidy up."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailport.cli.options import FILE, account_argument, host_options, json_option, make_host, open_account, pass_output
from mailport.cli.output import Output
from mailport.errors import ConfigurationError, UnsupportedFeature

if TYPE_CHECKING:
    from mailport.fields import ProtocolFields
    from mailport.transport import Action

__all__ = ["receive"]

_COLUMNS = ("STATE", "FROM", "SUBJECT", "DATE", "SIZE", "FILE")


def _as_action(_ctx: click.Context, _parameter: click.Parameter, text: str) -> Action:
    from mailport.transport import Action  # noqa: PLC0415 - showing help receives nothing

    try:
        return Action.parse(text)
    except ConfigurationError as error:
        raise click.BadParameter(f"{error} {error.remedy}") from error


@click.command()
@account_argument
@click.option("--cursor", type=FILE, help="Read on from the place in this file, and put the new place into it.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many messages.")
@click.option("--save", type=FILE, metavar="DIR", help="Save each message as a file in this folder.")
@click.option(
    "--then", callback=_as_action, default="leave", metavar="ACTION", help="Afterwards: leave, read, delete or move:FOLDER."
)
@host_options
@json_option
@pass_output
@click.pass_context
def receive(
    ctx: click.Context,
    output: Output,
    /,
    *,
    account: Path,
    cursor: Path | None,
    limit: int | None,
    save: Path | None,
    then: Action,
    **machine: Any,
) -> None:
    """List the messages of an account, or save them.

    A message that was saved before is not fetched again. The cursor moves on, and --then is carried out, only after
    everything is on disk: after a crash the same command goes on and loses nothing.
    """
    from mailport.cli.receiving import Receiving  # noqa: PLC0415 - showing help receives nothing
    from mailport.cli.saving import CursorFile, Folder  # noqa: PLC0415

    host = make_host(account, **machine)
    inbox = open_account(host, account, output, "incoming")
    _check(then, host.protocol(inbox.protocol), is_saving=save is not None)
    work = Receiving(
        host=host,
        account=inbox,
        action=then,
        limit=limit,
        folder=Folder(save, inbox) if save else None,
        place=CursorFile(cursor, inbox) if cursor else None,
        output=output,
    )
    try:
        with output.table(*_COLUMNS, shortened=("SUBJECT", "FROM")) as table:
            asyncio.run(work.run(table))
    except KeyboardInterrupt:  # what is saved is saved
        output.data(work.as_dict())
        output.note(work.so_far)
        raise
    output.data(work.as_dict())
    work.tell()
    sys.stdout.flush()  # a list that nobody read does not move the cursor
    work.move_on()
    ctx.exit(work.exit)


def _check(action: Action, protocol: ProtocolFields, *, is_saving: bool) -> None:
    """Refuse an action that the protocol lacks before anything is fetched (INB-19)."""
    able = {"move": protocol.capabilities.folders, "read": protocol.capabilities.mark_read}
    if not able.get(action.kind, True):
        raise UnsupportedFeature(
            f"{protocol.title} has no action “{action.kind}”.",
            code="read.action",
            field="--then",
            remedy="Use leave or delete.",
        )
    if action.kind == "delete" and not is_saving:
        raise click.UsageError("--then delete needs --save: a message is deleted only after it was saved.")
