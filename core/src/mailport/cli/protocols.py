"""``mailport protocols``: what is installed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from mailport.cli.options import json_option, pass_output
from mailport.cli.output import Output
from mailport.fields import Direction, ProtocolFields
from mailport.registry import Registry

__all__ = ["protocols"]


@click.command()
@json_option
@pass_output
def protocols(output: Output) -> None:
    """List the installed protocols."""
    found = Registry().protocols
    output.data({"protocols": [_as_dict(protocol) for protocol in found]})
    with output.table("PROTOCOL", "TITLE", "DIRECTIONS", "AUTHENTICATION") as table:
        for protocol in found:
            title = f"{protocol.title} (local)" if protocol.capabilities.local else protocol.title
            table.add(protocol.key, title, ", ".join(protocol.directions), ", ".join(_options(protocol)))


def _options(protocol: ProtocolFields) -> tuple[str, ...]:
    return tuple(dict.fromkeys(option for direction in Direction for option in protocol.options(direction)))


def _as_dict(protocol: ProtocolFields) -> dict[str, Any]:
    return {
        "key": protocol.key,
        "title": protocol.title,
        "directions": list(protocol.directions),
        "authentication": {direction: list(protocol.options(direction)) for direction in protocol.directions},
        "capabilities": asdict(protocol.capabilities),
    }
