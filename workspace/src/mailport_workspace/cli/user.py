"""``mailport-workspace user``: who signs in."""

from __future__ import annotations

import secrets
import sys
from typing import Any

import click

from mailport.cli.options import json_option, pass_output
from mailport.cli.output import Output
from mailport.errors import NotFound
from mailport_workspace.cli.deployment import operator_of, within
from mailport_workspace.tables import Role
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.workspace import Workspace

__all__ = ["user"]

password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the standard input; else one is made and printed."
)


@click.group("user")
def user() -> None:
    """Add and list users, set passwords, let nobody in any more."""


@user.command("add")
@click.argument("tenant")
@click.argument("email")
@click.option("--name", default="", help="How the user is called; default: the address.")
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.ADMINISTRATOR.value, show_default=True)
@password_option
@json_option
@pass_output
def _add(output: Output, /, *, tenant: str, email: str, name: str, role: str, password_stdin: bool) -> None:
    """Make a user of TENANT who signs in with EMAIL."""
    password = _password(from_stdin=password_stdin)

    async def add(workspace: Workspace) -> str:
        actor = await operator_of(workspace, tenant)
        return await workspace.users.create(actor, email=email, name=name, role=Role(role), password=password)

    made = within(add)
    _tell(output, f"{email} may sign in", {"id": made, "email": email}, "" if password_stdin else password)


@user.command("list")
@click.argument("tenant")
@json_option
@pass_output
def _list(output: Output, /, tenant: str) -> None:
    """List the users of TENANT."""

    async def find(workspace: Workspace) -> list[dict[str, object]]:
        return await workspace.users.list(await operator_of(workspace, tenant))

    found = within(find)
    output.data(found)
    with output.table("email", "name", "role", "state") as table:
        for row in found:
            table.add(row["email"], row["name"], row["role"], "active" if row["active"] else "disabled")


@user.command("password")
@click.argument("tenant")
@click.argument("email")
@password_option
@json_option
@pass_output
def _set_password(output: Output, /, *, tenant: str, email: str, password_stdin: bool) -> None:
    """Give EMAIL another password."""
    password = _password(from_stdin=password_stdin)

    async def change(workspace: Workspace) -> None:
        actor = await operator_of(workspace, tenant)
        await workspace.users.set_password(actor, await _id_of(workspace, actor, email), password)

    within(change)
    _tell(output, f"{email} has a new password", {"email": email}, "" if password_stdin else password)


@user.command("disable")
@click.argument("tenant")
@click.argument("email")
@json_option
@pass_output
def _disable(output: Output, /, *, tenant: str, email: str) -> None:
    """Let EMAIL in no more; tokens of that user end as well."""

    async def disable(workspace: Workspace) -> None:
        actor = await operator_of(workspace, tenant)
        await workspace.users.change(actor, await _id_of(workspace, actor, email), active=False)

    within(disable)
    output.data({"email": email, "active": False})
    output.say(f"{email} cannot sign in any more.")


async def _id_of(workspace: Workspace, actor: Actor, email: str) -> str:
    known = {str(row["email"]): str(row["id"]) for row in await workspace.users.list(actor)}
    if email.strip().lower() not in known:
        raise NotFound(
            f"There is no user “{email}”.",
            code="store.missing",
            field="email",
            remedy="See mailport-workspace user list TENANT.",
        )
    return known[email.strip().lower()]


def _password(*, from_stdin: bool) -> str:
    return sys.stdin.readline().rstrip("\r\n") if from_stdin else secrets.token_urlsafe(12)


def _tell(output: Output, said: str, about: dict[str, Any], made: str) -> None:
    output.data(about | ({"password": made} if made else {}))
    output.say(f"{said}; the password, which is not shown again: {made}" if made else f"{said}.")
