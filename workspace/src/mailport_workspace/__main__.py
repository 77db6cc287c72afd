"""``python -m mailport_workspace`` is ``mailport-workspace``."""

from mailport_workspace.cli.app import app

app(prog_name="mailport-workspace")
