"""``mailport-workspace doctor``."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from mailport.cli.exits import Exit
from mailport.cli.options import json_option, pass_output
from mailport.cli.output import Output
from mailport_workspace.cli.deployment import read_settings
from mailport_workspace.observing.checkup import Finding, check_up

__all__ = ["doctor"]


@click.command("doctor")
@json_option
@pass_output
@click.pass_context
def doctor(ctx: click.Context, output: Output, /) -> None:
    """Look whether everything is as it should be, and say what to do where it is not.

    Ends with 0 where nothing failed, warnings or not, and with 3 where something did; 5 where the database does not answer.
    """
    findings = asyncio.run(check_up(read_settings()))
    output.data([finding.as_dict() for finding in findings])
    with output.table("state", "check", "finding") as table:
        for finding in findings:
            table.add(finding.state, finding.name, f"{finding.said} {finding.remedy}".strip())
    ctx.exit(_code(findings))


def _code(findings: list[Finding]) -> Any:
    failed = [finding for finding in findings if finding.state == "failed"]
    if any(finding.name == "database" for finding in failed):
        return Exit.LATER
    return Exit.CONFIGURATION if failed else Exit.OK
