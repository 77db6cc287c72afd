"""Queued mail survives back-up, upgrade and restart."""

import asyncio
import shutil
import sqlite3
import subprocess

import pytest
from alembic import command
from alembic.config import Config

from mailport import Message
from mailport_workspace.database import make_engine, migrate
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tables import OutboxState
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.workspace import Workspace

DESK = {"protocol": "maildir", "directory": "out", "user_name": "desk@example.test"}


@pytest.fixture
def back_up(database, request, tmp_path):
    """Copy the database while it runs, as the manual says; restore the copy as another one, and return its settings."""
    if "sqlite" in database.application:
        return lambda: _copy_file(database, tmp_path / "copy.db")
    return lambda: _copy_server(database, request.getfixturevalue("postgres"))


def _copy_file(database, copy):
    source = sqlite3.connect(database.application.removeprefix("sqlite+aiosqlite:///"))
    target = sqlite3.connect(copy)
    source.backup(target)
    for connection in (source, target):
        connection.close()
    return [f"sqlite+aiosqlite:///{copy}"] * 3


def _copy_server(database, server):
    name = server.create()
    plain = server.url("admin", "").replace("postgresql+psycopg", "postgresql")
    dump = [shutil.which("pg_dump"), "-Fc", plain + database.application.rpartition("/")[2]]
    restore = [shutil.which("pg_restore"), "--exit-on-error", "-d", plain + name]
    subprocess.run(restore, input=subprocess.run(dump, check=True, capture_output=True).stdout, check=True)
    return [server.url(role, name) for role in ("owner", "application", "operator")]


async def test_queued_mail_survives(deployment, back_up, tmp_path, process):  # QUE-07, QUE-08
    """What waits when the copy is made is sent once by a worker of the restored and upgraded service, on either database."""
    (tmp_path / "mail").mkdir()
    environment = {"MAILPORT_LOCAL_ROOT": str(tmp_path / "mail")}
    async with Workspace(WorkspaceSettings(local_root=tmp_path / "mail")) as workspace:
        tenant = await found_tenant(workspace.store, "One")
        await workspace.configurations.save(Actor.operator(tenant), DESK)
        mail = Message.compose(sender=DESK["user_name"], to="ann@example.test", subject="Waits", text="Still here.\n")
        submitted = await workspace.outbox.submit(tenant, mail)
        owner, application, operator = await asyncio.to_thread(back_up)
    await _downgrade(owner)
    await migrate(owner, application=application, operator=operator)
    environment |= {"MAILPORT_DATABASE_URL": application, "MAILPORT_OPERATOR_DATABASE_URL": operator}
    running = process("worker", **environment)
    restored = WorkspaceSettings(database_url=application, operator_database_url=operator)
    async with Workspace(restored) as workspace:
        while await _state(workspace, tenant, submitted.outbox_id) is not OutboxState.SENT:
            assert running.poll() is None, running.communicate()[1]
            await asyncio.sleep(0.1)
    (file,) = (tmp_path / "mail" / "out" / "new").iterdir()
    assert Message.read(file).message_id == mail.message_id


async def _downgrade(owner):
    """Make the copy one of the first release, with the columns that it had."""

    def down(connection):
        config = Config()
        config.set_main_option("script_location", "mailport_workspace:migrations")
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")

    engine = make_engine(owner, foreign_keys=False)
    async with engine.begin() as connection:
        await connection.run_sync(down)
    await engine.dispose()


async def _state(workspace, tenant, entry):
    async with workspace.store.read(tenant) as rows:
        return (await rows.outbox_entry(entry)).state
