"""``mailport plugins``: what was found, loaded or not, and why not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from mailport.cli.app import OWN
from mailport.cli.contributed import Contribution, contributions
from mailport.cli.options import json_option, pass_output
from mailport.cli.output import Output, Table
from mailport.errors import MailportError, PluginError
from mailport.registry import PluginReport, Registry

__all__ = ["plugins"]


@click.command()
@json_option
@pass_output
def plugins(output: Output) -> None:
    """List plugins and commands: loaded, or failed and why."""
    with _unlogged():
        reports = Registry().reports
    commands = [(command, _fault(command)) for command in contributions(OWN)]
    output.data(
        {
            "plugins": [_as_dict(report, report.error) | {"protocols": list(report.protocols)} for report in reports],
            "commands": [_as_dict(command, error) for command, error in commands],
        }
    )
    with output.table("PLUGIN", "DISTRIBUTION", "VERSION", "STATE", "PROVIDES, OR WHY IT FAILED") as table:
        for report in reports:
            _add(table, report, report.error, ", ".join(report.protocols) or "no protocol")
        for command, error in commands:
            _add(table, command, error, f"command mailport {command.name}")


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep the registry from warning about what the table is about to say."""
    log = logging.getLogger("mailport.registry")
    log.addFilter(_nothing)
    try:
        yield
    finally:
        log.removeFilter(_nothing)


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def _fault(command: Contribution) -> MailportError | None:
    try:
        command.load()
    except PluginError as error:
        return error
    return None


def _add(table: Table, found: PluginReport | Contribution, error: MailportError | None, provides: str) -> None:
    state, told = ("failed", str(error)) if error else ("loaded", provides)
    table.add(found.name, found.distribution, found.version, state, told)


def _as_dict(found: PluginReport | Contribution, error: MailportError | None) -> dict[str, Any]:
    return {
        "name": found.name,
        "distribution": found.distribution,
        "version": found.version,
        "state": "failed" if error else "loaded",
        "error": error.as_dict() if error else None,
    }
