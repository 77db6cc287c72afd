"""The API of a workspace with two tenants, called in process."""

import secrets
from types import SimpleNamespace

import httpx2
import pytest

from mailport_workspace.api.app import create_app
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tables import Role
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.workspace import Workspace

BASE = "https://mailport.example.test"


@pytest.fixture
async def workspace(database, ring, tmp_path):
    """A workspace on that database."""
    keys = tmp_path / "mailport.keys"
    settings = WorkspaceSettings(
        database_url=database.application, operator_database_url=database.operator, key_file=keys, allow_legacy_tls=True
    )
    async with Workspace(settings) as made:
        yield made


@pytest.fixture
def app(workspace):
    """The application that serves it."""
    return create_app(workspace)
