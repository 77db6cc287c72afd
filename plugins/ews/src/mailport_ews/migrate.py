"""``mailport migrate-to-graph``: the successor's settings for an EWS account, and the proof that it is the same mailbox."""

from __future__ import annotations

import asyncio
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailport.account_file import AccountFile
from mailport.cli.options import FILE, account_argument, json_option, make_host, open_account, pass_output
from mailport.cli.output import Output
from mailport.errors import ConfigurationError, NotFound
from mailport.fields import Direction
from mailport_ews.hosted import ENDS
from mailport_ews.successor import graph_values, to_toml

if TYPE_CHECKING:
    from datetime import datetime

    from mailport.account import Account
    from mailport.host import Mailport

__all__ = ["migrate_to_graph"]

_SAMPLE = 5  # messages that are read through EWS
_MOST = 5000  # messages that are listed through Graph to find one of them
_CLOSE = 2.0  # seconds by which the two may differ about when a message came


@click.command(name="migrate-to-graph")
@account_argument
@click.option("--output", "target", metavar="FILE", type=FILE, help="Where to write; default: ACCOUNT.graph.toml beside it.")
@click.option("--tenant", help="Client Tenant ID, where the account signs in with a password.")
@click.option("--client-id", help="Client ID, where the account signs in with a password.")
@click.option("--secret-env", metavar="NAME", help="Environment variable that holds the client secret.")
@click.option("--graph-url", default="", help="Address of a Microsoft Graph that is in none of Microsoft's clouds.")
@click.option("--compare/--no-compare", default=True, help="Check that both read the same mailbox (default).")
@json_option
@pass_output
def migrate_to_graph(
    output: Output,
    /,
    *,
    account: Path,
    target: Path | None,
    tenant: str | None,
    client_id: str | None,
    secret_env: str | None,
    graph_url: str,
    compare: bool,
) -> None:
    """Write the Microsoft Graph settings of an EWS account.

    Afterwards it checks that both read the same mailbox.
    """
    app = {"client_tenant_id": tenant, "client_id": client_id, "client_secret_key": {"env": secret_env} if secret_env else None}
    target = target or account.with_suffix(".graph.toml")
    host = make_host(account, local_root=None)
    old = _ews_account(host, account, output)
    values = graph_values(_raw(account), {name: value for name, value in app.items() if value}, graph_url)
    _write(target, to_toml(values, read_in=account.parent, written_in=target.parent))
    new = AccountFile.read(target).account(host)
    output.note(ENDS)
    output.say(f"Written: {target}")
    proof = asyncio.run(_compare(host, old, new)) if compare else ""
    output.say(f"Both read the same mailbox: {proof}" if proof else "The mailboxes were not compared.")
    output.data({"file": str(target), "user_name": new.user_name, "compared": compare, "found": proof or None})


def _ews_account(host: Mailport, path: Path, output: Output) -> Account:
    account = open_account(host, path, output)
    if account.protocol != "ews":
        raise ConfigurationError(
            f"{path} is an account of “{account.protocol}”, not of EWS.", code="settings.protocol", field="protocol"
        )
    return account


def _raw(path: Path) -> dict[str, Any]:
    """Return the file as it is written: references to secrets shall stay references."""
    return tomllib.loads(path.read_text("utf-8-sig"))


def _write(path: Path, text: str) -> None:
    """Write a new file that only its owner can read: it may hold what the old one held."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}.",
            code="settings.file",
            field="output",
            remedy="Name another file with --output; an existing one is not overwritten.",
        ) from error


async def _compare(host: Mailport, old: Account, new: Account) -> str:
    """Return the Message-ID of a message that both read. Raises ``NotFound`` if there is none."""
    async with host:
        wanted = await _sample(host, _incoming(host, old))
        if not wanted:
            raise NotFound(
                "The folder is empty, so that nothing can be compared.",
                code="read.empty",
                field="folder",
                remedy="Send it a message and run this with --output again, or compare by hand.",
            )
        found = await _find(host, _incoming(host, new), wanted)
    if found is None:
        raise NotFound(
            "Microsoft Graph does not show what EWS shows: it reads another mailbox or folder.",
            code="read.other_mailbox",
            field="user_name",
            remedy="Check User Name, Folder and Client Tenant ID in the new file.",
        )
    return found


def _incoming(host: Mailport, account: Account) -> Account:
    """Return an account that reads the mailbox of one that may send: the same sign-in, the inbox."""
    if account.direction is Direction.INCOMING:
        return account
    names = {name for model in host.protocol(account.protocol).incoming for name in model.model_fields}
    values = {name: getattr(account.settings, name) for name in type(account.settings).model_fields if name in names}
    plain = {name: value.get_secret_value() if hasattr(value, "get_secret_value") else value for name, value in values.items()}
    return host.account({"protocol": account.protocol, **plain}, Direction.INCOMING)


async def _sample(host: Mailport, account: Account) -> dict[str, datetime | None]:
    async with host.poll(account, limit=_SAMPLE) as deliveries:
        return {(await each.message()).message_id: each.received_at async for each in deliveries}


async def _find(host: Mailport, account: Account, wanted: dict[str, datetime | None]) -> str | None:
    """Look among the messages that came at the same time as one that is wanted; only those are read."""
    async with host.poll(account, limit=_MOST) as deliveries:
        async for each in deliveries:
            if not any(_is_close(each.received_at, at) for at in wanted.values()):
                continue
            message_id = (await each.message()).message_id
            if message_id in wanted:
                return message_id
    return None


def _is_close(one: datetime | None, other: datetime | None) -> bool:
    return one is None or other is None or abs((one - other).total_seconds()) <= _CLOSE
