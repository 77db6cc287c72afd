"""``mailport-workspace tenant``: the customers of this deployment."""

from __future__ import annotations

import click

from mailport.cli.options import json_option, pass_output
from mailport.cli.output import Output
from mailport_workspace.cli.deployment import operator_of, within
from mailport_workspace.tables import Tenant
from mailport_workspace.tenants.directory import COMMAND_LINE
from mailport_workspace.workspace import Workspace

__all__ = ["tenant"]


@click.group("tenant")
def tenant() -> None:
    """Add, list and remove tenants."""


@tenant.command("add")
@click.argument("name")
@json_option
@pass_output
def _add(output: Output, /, name: str) -> None:
    """Make a tenant, with an empty configuration and one disabled inbox that creates incidents."""

    async def add(workspace: Workspace) -> str:
        return await workspace.tenants.create(COMMAND_LINE, name)

    made = within(add)
    output.data({"id": made, "name": name})
    output.say(f"The tenant “{name}” is there. Now make its first user: mailport-workspace user add '{name}' NAME@EXAMPLE.ORG")


@tenant.command("list")
@json_option
@pass_output
def _list(output: Output, /) -> None:
    """List the tenants."""

    async def find(workspace: Workspace) -> list[tuple[str, str, str, str]]:
        async with workspace.store.survey() as rows:
            return [_row(tenant) for tenant in await rows.tenants()]

    found = within(find)
    output.data([{"name": name, "id": id_, "created_at": made, "state": state} for name, id_, made, state in found])
    with output.table("name", "id", "made", "state") as table:
        for row in found:
            table.add(*row)


@tenant.command("remove")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_output
def _remove(output: Output, /, name: str, *, yes: bool) -> None:
    """Delete a tenant with everything it owns: configuration, users, mails, records."""
    if not yes:
        click.confirm(f"Delete “{name}” with all its mails and records? Nothing brings them back", abort=True, err=True)

    async def remove(workspace: Workspace) -> None:
        actor = await operator_of(workspace, name)
        await workspace.tenants.remove(COMMAND_LINE, actor.tenant)

    within(remove)
    output.data({"removed": name})
    output.say(f"The tenant “{name}” and everything it owned is gone.")


def _row(tenant: Tenant) -> tuple[str, str, str, str]:
    made = tenant.created_at.isoformat(" ", "minutes")
    return tenant.name, tenant.id, made, "disabled" if tenant.disabled_at else "active"
