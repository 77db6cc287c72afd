"""What hangs in a silent server leaves everything else alone: a real worker of one process."""

import asyncio
import secrets
import socket

import pytest

from mailport import Message
from mailport_workspace.deployment.worker import Worker
from mailport_workspace.sealing import new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.connection_tests import OUTGOING
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.workspace import Workspace
from tests.workspace.engines.test_worker import working

DESK = "desk@example.test"


@pytest.fixture
async def workspace(database, tmp_path):
    """A workspace whose worker has four places for jobs."""
    (tmp_path / "mail").mkdir()
    settings = WorkspaceSettings(
        database_url=database.application,
        operator_database_url=database.operator,
        keys=new_key("first"),
        drain_limit=0.2,
        worker_concurrency=4,
        local_root=tmp_path / "mail",
        egress_allowed=("127.0.0.1",),
    )
    async with Workspace(settings) as workspace:
        yield workspace


@pytest.fixture
def silent():
    """An account on a server that accepts connections and never says a word."""
    account = {"protocol": "smtp", "authentication": "none", "use_ssl_tls": "none", "host": "127.0.0.1", "user_name": DESK}
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield {**account, "port": server.getsockname()[1], "send_mail_timeout": 300}


async def reading(workspace, folder):
    """Found a tenant that reads a Maildir and sends into another; return it with the mail that waits there."""
    for part in ("new", "cur", "tmp"):
        (folder / "in" / part).mkdir(parents=True)
    actor = Actor.operator(await found_tenant(workspace.store, "Reads"))
    account = {"protocol": "maildir", "authentication": "none", "user_name": DESK, "directory": "in"}
    await workspace.configurations.save(actor, account | {"directory": "out"})
    await workspace.inboxes.create(actor, {"name": "Desk", "address": DESK, "enabled": True, **account})
    mail = folder / "in" / "new" / secrets.token_hex(8)
    mail.write_text(f"From: ann@example.test\r\nTo: {DESK}\r\nSubject: Printer\r\n\r\nHelp\r\n")
    return actor, mail


async def running(workspace, tests):
    """How many of the tests are under way."""
    return [(await workspace.connection_tests.read(*test)).state for test in tests].count("running")


async def test_connection_tests_of_silent_servers_block_nothing(workspace, silent, tmp_path):  # TST-10
    """While tests of five tenants hang, mail of another one leaves, and its inbox is read."""
    tests = []
    for name in ("One", "Two", "Three", "Four", "Five"):
        actor = Actor.operator(await found_tenant(workspace.store, name))
        tests.append((actor, await workspace.connection_tests.ask(actor, OUTGOING, silent)))
    async with working(Worker(workspace, tick=0.05)), asyncio.timeout(30):
        while await running(workspace, tests) < 2:  # noqa: ASYNC110 - rows cannot signal an event
            await asyncio.sleep(0.05)
        actor, mail = await reading(workspace, tmp_path / "mail")
        answer = Message.compose(sender=DESK, to="ann@example.test", subject="Answer", text="Done.\n")
        await workspace.outbox.submit(actor.tenant, answer)
        while mail.exists() or not list((tmp_path / "mail" / "out" / "new").glob("*")):  # noqa: ASYNC110 - a mailbox cannot signal an event
            await asyncio.sleep(0.05)
        assert await running(workspace, tests) >= 2
