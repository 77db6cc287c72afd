"""A mail becomes an incident, is answered, the reply finds it, the bounce is linked: through every protocol, on both databases.

The workers are processes of their own, started as an operator does it: one on SQLite, two on PostgreSQL.
"""

import asyncio
import os
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest
from prometheus_client import generate_latest

from mailport import Message
from mailport.replying import reply
from mailport_workspace.database import migrate
from mailport_workspace.queries.records import RecordFilter
from mailport_workspace.sealing import new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tables import ActivityKind, MailKind, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.workspace import Workspace
from tests.conftest import peer
from tests.journeys import desks

PATIENCE = 120
BOUNCE = """\
From: MAILER-DAEMON@example.test
To: {desk}
Subject: Undelivered Mail Returned to Sender
Message-ID: <bounce-{inbox}@example.test>
Date: Wed, 25 Nov 2026 10:00:00 +0000
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

It could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.test

Final-Recipient: rfc822; {customer}
Action: failed
Status: 5.1.1

--b
Content-Type: text/rfc822-headers

Message-ID: {id}
Subject: {subject}

--b--
"""


@pytest.fixture(scope="module")
def postgres():
    """A private PostgreSQL."""
    with peer("postgres").serve_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """The URLs of the application, the operator and the owner, and what a copy of the database shows."""
    if request.param == "sqlite":
        urls = [f"sqlite+aiosqlite:///{tmp_path}/mailport.db"] * 3
        return urls, lambda: b"".join(file.read_bytes() for file in tmp_path.glob("mailport.db*"))
    server = request.getfixturevalue("postgres")
    name = server.create()
    return [server.url(role, name) for role in ("application", "operator", "owner")], lambda: server.dump(name)


@pytest.fixture
def environment(database):
    """The settings of a deployment whose accounts may reach this machine."""
    urls, _ = database
    names = ("MAILPORT_DATABASE_URL", "MAILPORT_OPERATOR_DATABASE_URL", "MAILPORT_OWNER_DATABASE_URL")
    return {
        **dict(zip(names, urls, strict=True)),
        "MAILPORT_KEYS": new_key("first"),
        "MAILPORT_EGRESS_ALLOWED": "127.0.0.0/8,::1",
        "MAILPORT_LOG_FORMAT": "json",
    }


@pytest.fixture
async def workspace(environment, monkeypatch):
    """The deployment as the API sees it, on a migrated database."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = WorkspaceSettings()
    await migrate(settings.owner_url, application=settings.application_url, operator=settings.operator_url)
    async with Workspace(settings) as made:
        yield made


@pytest.fixture
def workers(environment, workspace, tmp_path):
    """As many as the database allows; they end cleanly when they are asked to, and their log is read then."""
    command = [sys.executable, "-m", "mailport_workspace", "worker"]
    log = tmp_path / "log"
    with log.open("wb") as output:
        count = 1 if workspace.settings.is_embedded else 2
        running = [subprocess.Popen(command, env={**os.environ, **environment}, stderr=output) for _ in range(count)]
        yield running
        for process in running:
            process.terminate()
        assert [process.wait(60) for process in running] == [0] * count, log.read_text()[-4000:]


@pytest.fixture(params=["servers and Graph", "Gmail and EWS"])
def pair(request, pki, token_issuer, tmp_path):
    """Two desks in two mail systems, one for each tenant."""
    with ExitStack() as stack:
        if request.param == "servers and Graph":
            first = desks.on_servers(request.getfixturevalue("postfix"), request.getfixturevalue("dovecot"), pki)
            yield first, stack.enter_context(desks.on_graph(pki, token_issuer))
        else:
            folder = tmp_path / "ews"
            folder.mkdir()
            yield stack.enter_context(desks.on_gmail(pki)), stack.enter_context(desks.on_ews(pki, token_issuer, folder))


class Journey:
    """What happens at one tenant's desk."""

    def __init__(self, workspace, actor, desk, inbox):
        self.workspace, self.actor, self.desk, self.inbox = workspace, actor, desk, inbox

    @classmethod
    async def begin(cls, workspace, name, desk):
        """Make a tenant whose desk that is."""
        actor = Actor.operator(await found_tenant(workspace.store, name))
        await workspace.configurations.save(actor, desk.outgoing | {"attach_conversation_id": True, "poll_interval": 10})
        inbox = (await workspace.inboxes.list(actor))[0]["id"]
        await workspace.inboxes.save(actor, inbox, desk.incoming | {"address": desk.address})
        await workspace.inboxes.save(
            actor, inbox, {"enabled": True, "link_person": True, "permitted_domains": ["example.test"]}
        )
        return cls(workspace, actor, desk, inbox)

    async def travel(self):
        """Go the whole way; the incident and the history of its mails."""
        await self._write(Message.compose(sender=self.desk.customer, to=self.desk.address, subject="Help", text="Please.\n"))
        (incident,) = await self._until(self._incidents)
        sent = await self.workspace.desk.answer(self.actor, incident.record.id, text="We look into it.\n")
        (answer,) = [Message.read(raw) for raw in await self._until(self._got)]
        await self._write(self._reply(answer))
        await self._until(lambda: self._came(incident, 2))
        await self._write(self._bounce(answer))
        bounce = await self._until(self._bounces)
        return incident, answer, sent, bounce

    async def _write(self, message):
        """Bring a mail to the desk, and let the inbox be read at its next turn."""
        await asyncio.to_thread(self.desk.write, message.to_bytes() if isinstance(message, Message) else message)
        async with self.workspace.store.write(self.actor.tenant) as rows:
            (await rows.inbox(self.inbox, for_update=True)).next_poll_at = now()

    def _reply(self, answer):
        """A reply that only the conversation id leads home: its program knows no threads."""
        quoted = "".join(f"> {line}\n" for line in answer.text.splitlines())
        text = f"Thank you!\n\n{quoted}"
        return reply(
            answer, sender=self.desk.customer, text=text, subject=f"AW: {answer.subject}", in_reply_to="", references=()
        )

    def _bounce(self, answer):
        """What a mail server says that could not deliver the answer."""
        facts = {"desk": self.desk.address, "customer": self.desk.customer, "id": answer.message_id, "inbox": self.inbox}
        return BOUNCE.format(**facts, subject=answer.subject).replace("\n", "\r\n").encode()

    async def _incidents(self):
        return await self.workspace.desk.list(self.actor, RecordFilter())

    async def _got(self):
        return await asyncio.to_thread(self.desk.got)

    async def _came(self, incident, count):
        history = (await self.workspace.desk.read(self.actor, incident.record.id)).history
        return sum(activity.kind is ActivityKind.MAIL_IN for activity in history) >= count

    async def _bounces(self):
        async with self.workspace.store.read(self.actor.tenant) as rows:
            return next((entry for entry in await rows.journal() if entry.kind is MailKind.BOUNCED), None)

    async def _until(self, look):
        deadline = time.monotonic() + PATIENCE
        while not (found := await look()):
            assert time.monotonic() < deadline, await self.trouble()
            await asyncio.sleep(0.1)
        return found

    async def trouble(self):
        """What the service says about itself, for a test that waits in vain."""
        async with self.workspace.store.read(self.actor.tenant) as rows:
            inbox = await rows.inbox(self.inbox)
            mails = [(m.direction, m.subject, m.outcome, m.last_error) for m in await rows.journal()]
        return f"{inbox.last_error} {mails}"


def canaries(desk):
    """The secrets of a desk, each as a piece that no encoding breaks up."""
    values = {str(desk.outgoing.get(name, "")) for name in ("password", "client_secret_key", "private_key")} - {""}
    return {value.splitlines()[len(value.splitlines()) // 2].encode() for value in values}


async def everything_shown(workspace, journeys, dump, log):
    """Whatever leaves the sealed columns: the database as a copy shows it, logs, exports, answers, metrics."""
    shown = [await asyncio.to_thread(dump), log.read_bytes(), generate_latest()]
    for journey in journeys:
        asked = (workspace.transfer.export, workspace.configurations.read, workspace.inboxes.list)
        shown += [repr(await ask(journey.actor)).encode() for ask in asked]
    return b"".join(shown)


async def test_a_mail_is_answered_and_its_thread_stays_together(
    workspace, workers, pair, database, tmp_path
):  # SND-20, SND-26, TAB-04, SEC-01
    """Two tenants at once: one incident each with both mails and the answer, and its bounce; no secret is seen anywhere."""
    journeys = [await Journey.begin(workspace, f"Tenant {number}", desk) for number, desk in enumerate(pair)]
    ends = await asyncio.gather(*(journey.travel() for journey in journeys))
    for journey, (incident, answer, sent, bounce) in zip(journeys, ends, strict=True):
        assert [listed.record.number for listed in await journey._incidents()] == [incident.record.number]
        page = await workspace.desk.read(journey.actor, incident.record.id)
        assert page.person.email == journey.desk.customer
        assert bounce.related_id == sent.journal_id
        assert bounce.record_id == incident.record.id
        assert answer.sender.mailbox == journey.desk.address
    shown = await everything_shown(workspace, journeys, database[1], tmp_path / "log")
    assert all(journey.desk.address.encode() in shown for journey in journeys)
    assert [canary for desk in pair for canary in canaries(desk) if canary in shown] == []
