"""``mailport send``: message files, several at once over one account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailport.cli.exits import Exit, of_error, of_receipt
from mailport.cli.options import FILE, account_argument, host_options, json_option, make_host, open_account, pass_output
from mailport.cli.output import Output, Table
from mailport.errors import MailportError

if TYPE_CHECKING:
    from mailport.account import Account
    from mailport.host import Mailport
    from mailport.receipt import Receipt

__all__ = ["send"]

IN_FLIGHT = 20
"""How many messages are under way at once; a session that pipelines or batches makes use of them."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one file: a receipt, an error that may carry one, or neither when it was interrupted."""

    file: Path
    receipt: Receipt | None = None
    error: MailportError | None = None

    @property
    def exit(self) -> Exit:
        """The exit code that this outcome alone would have."""
        if self.error is not None:
            return of_error(self.error)
        return of_receipt(self.receipt) if self.receipt else Exit.INTERRUPTED

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON-ready data."""
        receipt = self.receipt or (self.error.receipt if self.error else None)
        return {
            "file": str(self.file),
            "exit": int(self.exit),
            "receipt": receipt.as_dict() if receipt else None,
            "error": self.error.as_dict() if self.error else None,
        }


@click.command()
@account_argument
@click.argument("messages", metavar="MESSAGE.eml...", nargs=-1, required=True, type=FILE)
@host_options
@json_option
@pass_output
@click.pass_context
def send(ctx: click.Context, output: Output, /, *, account: Path, messages: Sequence[Path], **machine: Any) -> None:
    """Send message files through an account.

    The exit code is that of the first message, in the order given, that was not accepted for every recipient.
    """
    host = make_host(account, **machine)
    sender = open_account(host, account, output, "outgoing")
    outcomes = [Outcome(file=file) for file in messages]
    try:
        with output.table("FILE", "RECIPIENT", "STATUS", "THE SERVER SAID") as table:
            asyncio.run(_send_all(host, sender, outcomes, lambda outcome: _show(output, table, outcome)))
    except KeyboardInterrupt:  # what has left has left
        output.data(_as_dict(outcomes))
        raise
    output.data(_as_dict(outcomes))
    ctx.exit(next((outcome.exit for outcome in outcomes if outcome.exit), Exit.OK))


def _as_dict(outcomes: list[Outcome]) -> dict[str, Any]:
    return {"messages": [outcome.as_dict() for outcome in outcomes]}


async def _send_all(host: Mailport, account: Account, outcomes: list[Outcome], show: Callable[[Outcome], None]) -> None:
    """Send every file and put its outcome in its place; at most ``IN_FLIGHT`` are read and under way at once."""
    from mailport.cli.progress import progress  # noqa: PLC0415 - only where there is work

    room = asyncio.Semaphore(IN_FLIGHT)

    async def send_one(index: int) -> Outcome:
        async with room:
            outcomes[index] = await _send_one(host, account, outcomes[index].file)
            return outcomes[index]

    async with host:
        tasks = [asyncio.create_task(send_one(index)) for index in range(len(outcomes))]
        try:
            with progress("sending", total=len(outcomes)) as bar:
                for finished in asyncio.as_completed(tasks):
                    show(await finished)
                    bar.advance()
        finally:  # interrupted, or nobody reads what we print
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _send_one(host: Mailport, account: Account, file: Path) -> Outcome:
    from mailport.cli.eml import read_message  # noqa: PLC0415 - only where there is work

    try:
        return Outcome(file=file, receipt=await host.submit(read_message(file), account))
    except MailportError as error:
        return Outcome(file=file, error=error)


def _show(output: Output, table: Table, outcome: Outcome) -> None:
    receipt = outcome.receipt or (outcome.error.receipt if outcome.error else None)
    for result in receipt.recipients if receipt else ():
        code = result.enhanced_code if result.enhanced_code and result.enhanced_code not in result.text else ""
        said = " ".join(str(part) for part in (result.reply_code, code, result.text) if part)
        table.add(outcome.file, result.address, result.status, said or (receipt.reply if receipt else ""))
    for note in receipt.notes if receipt else ():
        output.note(f"{outcome.file}: {note}")
    if outcome.error is not None:
        output.complain(outcome.error, str(outcome.file))
