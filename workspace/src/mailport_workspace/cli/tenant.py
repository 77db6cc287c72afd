"""``mailport-workspace tenant``: the customers of this deployment."""

from __future__ import annotations

import click

from mailport.cli.options import json_option, pass_output
from mailport.cli.output import Output
from mailport_workspace.cli.deployment import operator_of, within
from mailport_workspace.tenants.fresh import found_tenant
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
        return await found_tenant(workspace.store, name, component=workspace.settings.default_component_type)

    made = within(add)
    output.data({"id": made, "name": name})
    output.say(f"The tenant “{name}” is there. Now make its first user: mailport-workspace user add '{name}' NAME@EXAMPLE.ORG")


@tenant.command("list")
@json_option
@pass_output
def _list(output: Output, /) -> None:
    """List the tenants."""

    async def find(workspace: Workspace) -> list[tuple[str, str, str]]:
        async with workspace.store.survey() as rows:
            return [(t.name, t.id, t.created_at.isoformat(" ", "minutes")) for t in await rows.tenants()]

    found = within(find)
    output.data([{"name": name, "id": id_, "created_at": made} for name, id_, made in found])
    with output.table("name", "id", "made") as table:
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
        async with workspace.store.operate() as rows:
            await rows.remove_tenant(actor.tenant)

    within(remove)
    output.data({"removed": name})
    output.say(f"The tenant “{name}” and everything it owned is gone.")
