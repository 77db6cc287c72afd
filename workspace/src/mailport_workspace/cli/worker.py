"""``mailport-workspace worker``."""

from __future__ import annotations

import asyncio

import click

from mailport_workspace.cli.deployment import read_settings
from mailport_workspace.observing.logs import set_up_logging
from mailport_workspace.serving import work

__all__ = ["worker"]


@click.command("worker")
def worker() -> None:
    """Send, poll and process until SIGTERM or Ctrl-C; what was begun is finished or given back.

    On PostgreSQL start as many as you like, on as many machines. A SQLite file has one worker only: `serve` is it already.
    """
    settings = read_settings()
    set_up_logging(settings.log_format, settings.log_level)
    asyncio.run(work(settings))
