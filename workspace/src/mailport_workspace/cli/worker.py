"""``mailport-workspace worker``."""

from __future__ import annotations

import click

from mailport_workspace.cli.deployment import read_settings, run_with_log
from mailport_workspace.deployment.serving import work

__all__ = ["worker"]


@click.command("worker")
def worker() -> None:
    """Send, poll and process until SIGTERM or Ctrl-C; what was begun is finished or given back.

    On PostgreSQL start as many as you like, on as many machines. A SQLite file has one worker only: `serve` is it already.
    """
    settings = read_settings()
    run_with_log(settings, work(settings))
