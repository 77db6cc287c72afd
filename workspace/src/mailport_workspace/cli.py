"""The commands of the operator."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from mailport.errors import MailportError
from mailport_workspace.database import migrate
from mailport_workspace.sealing import new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.store import Store
from mailport_workspace.tenants.rotation import rotate_keys

__all__ = ["main"]

Result = TypeVar("Result")


@click.group()
@click.version_option(package_name="mailport-workspace")
def main() -> None:
    """Operate a mailport workspace; its settings come from the environment (MAILPORT_...)."""


@main.command("migrate")
def _migrate() -> None:
    """Bring the database to this release."""
    settings = _settings()
    _run(migrate(settings.owner_url, application=settings.application_url, operator=settings.operator_url))
    click.echo("The database is up to date.")


@main.command("rotate-keys")
def _rotate_keys() -> None:
    """Seal every secret again under the first key of the key ring."""
    count = _run(_rotate(_settings()))
    click.echo(f"{count} rows were sealed anew.")


@main.command("new-key")
def _new_key() -> None:
    """Print a fresh entry for the key ring; put it first to seal with it."""
    click.echo(new_key())


async def _rotate(settings: WorkspaceSettings) -> int:
    store = Store(settings.application_url, settings.operator_url)
    try:
        return await rotate_keys(store, settings.key_ring())
    finally:
        await store.close()


def _settings() -> WorkspaceSettings:
    try:
        return WorkspaceSettings()
    except ValidationError as error:
        wrong = "; ".join(f"MAILPORT_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False))
        raise click.ClickException(wrong) from error


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(work)
    except MailportError as error:
        raise click.ClickException(f"{error.message} {error.remedy}".strip()) from error
