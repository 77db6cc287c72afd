"""``mailport-workspace token``: the tokens by which programs run the deployment over the API."""

from __future__ import annotations

from datetime import timedelta

import click

from mailport.cli.options import json_option, pass_output
from mailport.cli.output import Output
from mailport_workspace.cli.deployment import within
from mailport_workspace.tables import OperatorToken, now
from mailport_workspace.tenants.directory import COMMAND_LINE
from mailport_workspace.workspace import Workspace

__all__ = ["token"]


@click.group("token")
def token() -> None:
    """Make, list and revoke tokens of the operator: for tenants, health and plugins, not for what belongs to a tenant."""


@token.command("add")
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it lasts; default: until it is revoked.")
@json_option
@pass_output
def _add(output: Output, /, name: str, *, days: int | None) -> None:
    """Make a token called NAME, and print it this once."""
    expires_at = now() + timedelta(days=days) if days else None

    async def add(workspace: Workspace) -> str:
        return await workspace.operators.create(COMMAND_LINE, name, expires_at=expires_at)

    made = within(add)
    output.data({"name": name, "token": made})
    output.say(f"The token “{name}”, which is not shown again: {made}")


@token.command("list")
@json_option
@pass_output
def _list(output: Output, /) -> None:
    """List the tokens, also those that have ended."""

    async def find(workspace: Workspace) -> list[tuple[str, str, str]]:
        return [_row(found) for found in await workspace.operators.list()]

    rows = within(find)
    output.data([{"name": name, "state": state, "last_used_at": used} for name, state, used in rows])
    with output.table("name", "state", "last used") as table:
        for row in rows:
            table.add(*row)


@token.command("revoke")
@click.argument("name")
@json_option
@pass_output
def _revoke(output: Output, /, name: str) -> None:
    """End the token called NAME for good."""

    async def revoke(workspace: Workspace) -> None:
        await workspace.operators.revoke(COMMAND_LINE, name)

    within(revoke)
    output.data({"revoked": name})
    output.say(f"The token “{name}” opens nothing any more.")


def _row(found: OperatorToken) -> tuple[str, str, str]:
    state = "valid" if found.expires_at is None else f"until {found.expires_at:%Y-%m-%d}"
    used = found.last_used_at.isoformat(" ", "minutes") if found.last_used_at else "never"
    return found.name, "revoked" if found.revoked_at else state, used
