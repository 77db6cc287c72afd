"""A workspace on each database, migrated once and copied for every test; two tenants with an administrator each."""

import asyncio
import os
import shutil
import zlib
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from mailport import Mailport
from mailport_workspace.database import migrate
from mailport_workspace.sealing import KeyRing, new_key
from mailport_workspace.store import Store
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.configuration import Configurations
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.tenants.inboxes import Inboxes
from mailport_workspace.tenants.transfer import Transfer
from mailport_workspace.tenants.users import Users
from tests.conftest import peer

_ABOVE = {"api", "api_mail", "operating", "processing"}
"""Rooms above the queries: there, unless both are asked for, each test has one of the databases, half of the tests each."""


def pytest_collection_modifyitems(config, items):
    """Leave out every other pair of test and database in the rooms above the queries."""
    if os.environ.get("MAILPORT_TEST_DATABASES") == "both":
        return
    left_out = [item for item in items if item.path.parent.name in _ABOVE and _is_other(item)]
    config.hook.pytest_deselected(items=left_out)
    others = set(left_out)
    items[:] = [item for item in items if item not in others]


def _is_other(item):
    database = item.callspec.params.get("database") if hasattr(item, "callspec") else None
    name = item.nodeid.replace("postgresql", "sqlite").encode()
    return database is not None and database != ("sqlite", "postgresql")[zlib.crc32(name) % 2]


@dataclass(frozen=True, kw_only=True)
class Database:
    """A database: the URL of each role, and what a copy of it would show."""

    owner: str
    application: str
    operator: str
    dump: object


@pytest.fixture(scope="session")
def postgres():
    """A private PostgreSQL with a migrated database to copy."""
    with peer("postgres").serve_postgres() as server:
        name = server.create()
        urls = [server.url(role, name) for role in server.roles]
        asyncio.run(migrate(urls[0], application=urls[1], operator=urls[2]))
        server.execute(f"ALTER DATABASE {name} RENAME TO migrated")
        yield server


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory):
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    asyncio.run(migrate(f"sqlite+aiosqlite:///{path}"))
    return path


def _sqlite_database(template, tmp_path):
    path = tmp_path / "mailport.db"
    shutil.copy(template, path)
    url = f"sqlite+aiosqlite:///{path}"
    dump = lambda: b"".join(file.read_bytes() for file in tmp_path.glob("mailport.db*"))  # noqa: E731 - with its write-ahead log
    return Database(owner=url, application=url, operator=url, dump=dump)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """A database of this test's own."""
    if request.param == "sqlite":
        yield _sqlite_database(request.getfixturevalue("sqlite"), tmp_path)
        return
    server = request.getfixturevalue("postgres")
    name = server.create(template="migrated")
    yield Database(**{role: server.url(role, name) for role in server.roles}, dump=lambda: server.dump(name))
    server.drop(name)


@pytest.fixture
async def store(database):
    """The store on that database."""
    store = Store(database.application, database.operator)
    yield store
    await store.close()


@pytest.fixture
def ring():
    """A key ring with one key."""
    return KeyRing.parse(new_key("first"))


@pytest.fixture(scope="session")
def mailport():
    """The library with every installed transport; Basic inboxes may speak TLS 1.0."""
    return Mailport(allow_legacy_tls=True)


@pytest.fixture
async def world(store, ring, mailport):
    """Two tenants, `one` and `two`, and everything that works on them."""
    configurations, inboxes = Configurations(store, mailport, ring), Inboxes(store, mailport, ring)
    one, two = [Actor.operator(await found_tenant(store, name)) for name in ("One", "Two")]
    return SimpleNamespace(
        store=store,
        ring=ring,
        configurations=configurations,
        inboxes=inboxes,
        transfer=Transfer(store, configurations, inboxes),
        users=Users(store),
        one=one,
        two=two,
    )
