"""``mailport-workspace serve``."""

from __future__ import annotations

import click

from mailport_workspace.cli.deployment import read_settings, run_with_log
from mailport_workspace.deployment.serving import serve as serve_until_stopped

__all__ = ["serve"]


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8025, show_default=True, help="0: any that is free.")
@click.option("--worker/--no-worker", default=None, help="Also work off mail in this process; default: on SQLite only.")
def serve(host: str, port: int, *, worker: bool | None) -> None:
    """Serve the API until SIGTERM or Ctrl-C; on SQLite this one process also does all the work.

    Put a reverse proxy that speaks TLS before it.
    """
    settings = read_settings()
    works = settings.is_embedded if worker is None else worker
    run_with_log(settings, serve_until_stopped(settings, host=host, port=port, works=works))
