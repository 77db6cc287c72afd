"""The API of a workspace with two tenants, called in process."""

import secrets
from types import SimpleNamespace

import httpx2
import pytest

from mailport_workspace.access.caller import Scope
from mailport_workspace.api.app import create_app
from mailport_workspace.sealing import new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tables import Role, User, new_id
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.workspace import Workspace

BASE = "https://mailport.example.test"


@pytest.fixture
async def workspace(database, tmp_path):
    """A workspace on that database; accounts may reach this machine, and keep mail below this test's folder."""
    (tmp_path / "mail").mkdir()
    urls = {"database_url": database.application, "operator_database_url": database.operator}
    here = {"local_root": tmp_path / "mail", "egress_allowed": "127.0.0.1"}
    async with Workspace(WorkspaceSettings(**urls, **here, keys=new_key("first"), allow_legacy_tls=True)) as made:
        yield made


@pytest.fixture
async def visit(workspace):
    """Make a client of the API; it knows nobody unless it is given a token."""
    clients = []

    def visit(token=None, *, base=BASE, **options):
        transport = httpx2.ASGITransport(create_app(workspace), raise_app_exceptions=False, **options)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        clients.append(httpx2.AsyncClient(transport=transport, base_url=f"{base}/api/v1", headers=headers))
        return clients[-1]

    yield visit
    for client in clients:
        await client.aclose()


async def _user(workspace, tenant, name, role):
    """A user without a password, and a client with a token that may do everything."""
    user = User(id=new_id(), email=f"{name}@example.test", name=name.title(), role=role, password_hash="")
    async with workspace.store.write(tenant) as rows:
        await rows.add(user)
    return Actor.of(user)


async def token_of(workspace, actor, *scopes):
    """A token of that user."""
    maker = Actor(tenant=actor.tenant, user=actor.user, name=actor.name, role=Role.ADMINISTRATOR)
    return (await workspace.tokens.create(maker, name=secrets.token_hex(8), scopes=scopes or [Scope.ADMIN]))[1]


@pytest.fixture
async def people(workspace, visit):
    """Tenant One with the administrator Ann and the agent Bob, tenant Two with the administrator Zoe: actors and clients."""
    one, two = [await found_tenant(workspace.store, name) for name in ("One", "Two")]
    found = SimpleNamespace(one=one, two=two, actor=SimpleNamespace())
    for name, tenant, role in (("ann", one, "administrator"), ("bob", one, "agent"), ("zoe", two, "administrator")):
        actor = await _user(workspace, tenant, name, Role(role))
        setattr(found.actor, name, actor)
        setattr(found, name, visit(await token_of(workspace, actor)))
    return found


@pytest.fixture
def ann(people):
    """The client of tenant One's administrator."""
    return people.ann


@pytest.fixture
def bob(people):
    """The client of tenant One's agent."""
    return people.bob


@pytest.fixture
def zoe(people):
    """The client of tenant Two's administrator."""
    return people.zoe
