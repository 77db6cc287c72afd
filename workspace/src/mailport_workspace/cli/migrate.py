"""``mailport-workspace migrate``."""

from __future__ import annotations

import asyncio

import click

from mailport.cli.options import json_option, pass_output
from mailport.cli.output import Output
from mailport_workspace.cli.deployment import read_settings
from mailport_workspace.deployment.serving import bring_up_to_date

__all__ = ["migrate"]


@click.command("migrate")
@json_option
@pass_output
def migrate(output: Output, /) -> None:
    """Bring the database to this release, and raise the walls between tenants."""
    settings = read_settings()
    asyncio.run(bring_up_to_date(settings))
    output.data({"migrated": True})
    output.say("The database is up to date.")
