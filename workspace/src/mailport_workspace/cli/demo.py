"""``mailport-workspace demo``."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import click

from mailport.cli.options import FILE
from mailport.errors import ConfigurationError
from mailport_workspace.observing.logs import set_up_logging

__all__ = ["demo"]

FOLDER = Path("demo-data")


@click.command("demo")
@click.option("--folder", type=FILE, default=FOLDER, show_default=True, help="Where everything is kept.")
@click.option("--port", type=click.IntRange(0, 65535), default=8025, show_default=True, help="Of the API; 0: any.")
@click.option("--smtp-port", type=click.IntRange(0, 65535), default=2525, show_default=True, help="For mail; 0: any.")
@click.option("--once", is_flag=True, help="Play the whole story without a person, on any free ports, and end.")
def demo(folder: Path, *, port: int, smtp_port: int, once: bool) -> None:
    """Try the workspace on this machine: a sample tenant, and a mail server on loopback whose mail becomes incidents.

    Needs the extra mailport-workspace[demo], and no right but to write into its folder.
    """
    set_up_logging(level="warning")
    ports = (0, 0) if once else (port, smtp_port)
    try:
        asyncio.run(_demonstrate(folder, *ports, once=once))
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"The demonstration needs {error.name}.", code="settings.extra", remedy="pip install 'mailport-workspace[demo]'"
        ) from error
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EROFS, errno.ENOSPC, errno.ENOTDIR, errno.EEXIST):
            raise
        raise ConfigurationError(
            f"The folder {folder} cannot be written: {error.strerror}.", code="settings.unwritable", field="--folder"
        ) from error


async def _demonstrate(folder: Path, port: int, smtp_port: int, *, once: bool) -> None:
    from mailport_workspace.demo.running import demonstrate  # noqa: PLC0415 - without the extra it is not there
    from mailport_workspace.demo.story import play  # noqa: PLC0415
    from mailport_workspace.demo.telling import tell  # noqa: PLC0415

    told = play if once else tell
    await demonstrate(folder, port=port, smtp_port=smtp_port, beside=lambda running: told(running, click.echo))
