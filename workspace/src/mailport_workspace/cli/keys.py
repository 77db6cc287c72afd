"""``mailport-workspace new-key`` and ``rotate-keys``."""

from __future__ import annotations

import click

from mailport.cli.options import json_option, pass_output
from mailport.cli.output import Output
from mailport_workspace.cli.deployment import within
from mailport_workspace.sealing import new_key as fresh_key
from mailport_workspace.tenants.rotation import rotate_keys as seal_again
from mailport_workspace.workspace import Workspace

__all__ = ["new_key", "rotate_keys"]


@click.command("new-key")
def new_key() -> None:
    """Print a fresh entry for the key ring; put it first to seal with it."""
    click.echo(fresh_key())


@click.command("rotate-keys")
@json_option
@pass_output
def rotate_keys(output: Output, /) -> None:
    """Seal every secret again under the first key of the key ring; the service may run meanwhile."""

    async def rotate(workspace: Workspace) -> int:
        return await seal_again(workspace.store, workspace.ring)

    count = within(rotate)
    output.data({"sealed": count})
    output.say(f"{count} rows were sealed anew.")
