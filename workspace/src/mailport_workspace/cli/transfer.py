"""``mailport-workspace export`` and ``import``: a tenant's configuration as a document, without secrets."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from mailport.cli.options import FILE, json_option, pass_output
from mailport.cli.output import Output
from mailport.errors import ConfigurationError
from mailport_workspace.cli.deployment import operator_of, within
from mailport_workspace.workspace import Workspace

__all__ = ["export", "import_"]


@click.command("export")
@click.argument("tenant")
def export(tenant: str) -> None:
    """Print the configuration, inboxes and tabs of TENANT as JSON. No secret is in it."""

    async def take(workspace: Workspace) -> dict[str, Any]:
        return await workspace.transfer.export(await operator_of(workspace, tenant))

    click.echo(json.dumps(within(take), indent=2, ensure_ascii=False))


@click.command("import")
@click.argument("tenant")
@click.argument("file", type=FILE)
@click.option("--secrets", "secrets_file", type=FILE, help="A JSON file of secrets by the names in secrets_needed.")
@json_option
@pass_output
def import_(output: Output, /, *, tenant: str, file: Path, secrets_file: Path | None) -> None:
    """Put an exported FILE into TENANT, all of it or nothing; its inboxes come disabled.

    The secrets are asked for, unless a file gives them.
    """
    document = _read(file)
    needed = [str(name) for name in document.get("secrets_needed") or []]
    secrets = {str(name): str(value) for name, value in _read(secrets_file).items()} if secrets_file else _asked(needed)

    async def put(workspace: Workspace) -> None:
        await workspace.transfer.import_(await operator_of(workspace, tenant), document, secrets)

    within(put)
    output.data({"imported": True, "tenant": tenant})
    output.say(f"{file} is now the configuration of “{tenant}”. Its inboxes are disabled: look at them, then enable them.")


def _read(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unreadable(path, error.strerror or type(error).__name__) from error
    except ValueError as error:
        raise _unreadable(path, "it is no JSON") from error
    if not isinstance(read, dict):
        raise _unreadable(path, "it is no JSON object")
    return read


def _unreadable(path: Path, said: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} cannot be read: {said}.",
        code="settings.unreadable",
        field="file",
        remedy="Give a file that mailport-workspace export has written.",
    )


def _asked(needed: list[str]) -> dict[str, str]:
    """Ask a person; where there is none, the import names what is missing."""
    if not sys.stdin.isatty():
        return {}
    return {name: click.prompt(name, hide_input=True, err=True) for name in needed}
