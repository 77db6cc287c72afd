"""A post office: inboxes on a mail system that tests can spoil, a poller, and processing that does as it is told."""

import asyncio
import secrets
from dataclasses import dataclass, field

import pytest

from mailport import Mailport
from mailport.errors import Unreachable
from mailport.testing.memory.plugin import MemoryPlugin
from mailport.testing.memory.server import MemoryMail
from mailport_workspace.intake.poll import Poller
from mailport_workspace.intake.quarantine import Quarantine
from mailport_workspace.intake.queue import Intake
from mailport_workspace.intake.queues import Queues
from mailport_workspace.intake.verdict import Mailbox, Verdict
from mailport_workspace.tables import InboxCursor, Outcome, Webhook
from tests.workspace.doubles import Clock, Nudges

DESK = "desk@example.test"
EVENTS = ["mail.received", "mail.quarantined", "inbox.failing", "account.refused"]


def mail(subject="Printer", *, body="It smokes.", message_id=None, size=0):
    """A mail with a Message-ID of its own, padded to at least `size` bytes."""
    message_id = message_id or f"<{secrets.token_hex(8)}@customer.example.org>"
    head = f"From: Ann <ann@customer.example.org>\r\nTo: {DESK}\r\nSubject: {subject}\r\nMessage-ID: {message_id}\r\n\r\n"
    return (head + body + "\r\n").encode() + b"x" * 70 * (size // 70)


async def until(holds):
    """Wait until something holds; a test that waits in vain fails."""
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110 - what is waited for is in a database
            await asyncio.sleep(0.02)


class System(MemoryMail):
    """A mail system in memory that can be gone altogether."""

    gone = False

    async def obey_faults(self):
        if self.gone:
            raise ConnectionResetError("nobody is there")
        await super().obey_faults()


@dataclass
class Clerk:
    """Processing in place of the real one: it settles every mail, unless `does` has another idea for the subject."""

    store: object
    does: dict = field(default_factory=dict)
    verdict: Verdict = field(default_factory=lambda: Verdict(outcome=Outcome.CREATED))
    seen: list = field(default_factory=list)
    failures: list = field(default_factory=list)

    async def process(self, received, settle):
        self.seen.append(received.message.subject)
        act = self.does.get(received.message.subject)
        given = await act(received) if act else None
        verdict = given if isinstance(given, Verdict) else self.verdict
        async with self.store.write(received.tenant) as rows:
            await settle(rows, verdict)

    async def failed(self, received, error, settle):
        self.failures.append(error.code)
        async with self.store.write(received.tenant) as rows:
            await settle(rows, Verdict(outcome=Outcome.FAILED, mailbox=Mailbox.FAILURE, last_error=error.message))


class Post:
    """What a test does with the post office of tenant `one`, and what it finds there afterwards."""

    def __init__(self, world, mailport, system):
        self.world, self.mailport, self.system = world, mailport, system
        self.store, self.actor, self.tenant = world.store, world.one, world.one.tenant
        self.clock, self.clerk, self.engine, self.places = Clock(), Clerk(world.store), Nudges(), []
        self.queues = Queues(self.store, self.engine, clock=self.clock)
        self.quarantine = Quarantine(self.store, self.engine, clock=self.clock)
        self.intake, self.poller = self.worker()

    def worker(self, *, reached=None, clerk=None, **more):
        """Another worker on the same database: its queue, and its poller."""
        reached = reached or self.places.append
        intake = Intake(self.store, self.mailport, clerk or self.clerk, reached=reached, clock=self.clock)
        ring = self.world.ring
        return intake, Poller(self.store, self.mailport, ring, intake, reached=reached, clock=self.clock, **more)

    async def inbox(self, address=DESK, *, actor=None, **more):
        """Make an enabled inbox on the mail system in memory; return its id."""
        password = self.system.passwords.setdefault(address, secrets.token_urlsafe(16))
        form = {"name": address, "enabled": True, "address": address, "protocol": "memory", "user_name": address}
        return await self.world.inboxes.create(actor or self.actor, {**form, "password": password, **more})

    def box(self, address=DESK):
        """The mailbox as its owner sees it."""
        return self.system.mailboxes[address]

    def subjects(self, folder="INBOX", address=DESK):
        """The subjects of the messages in a folder."""
        lines = [line for stored in self.box(address).mails(folder) for line in stored.raw.splitlines()]
        return [line[9:].decode() for line in lines if line.startswith(b"Subject: ")]

    async def due(self):
        """Return the shards that are due."""
        async with self.store.survey() as rows:
            return await rows.due_shards(self.clock())

    async def poll(self, poller=None):
        """Poll what is due, as a worker does."""
        await asyncio.gather(*((poller or self.poller).poll_shard(shard) for shard in await self.due()))

    async def work(self, tenant=None):
        """Work off the queues of a tenant."""
        await self.intake.work(tenant or self.tenant)

    async def row(self, inbox):
        """Return the row of an inbox of whatever tenant."""
        for actor in (self.world.one, self.world.two):
            async with self.store.read(actor.tenant) as rows:
                if (found := await rows.find_inbox(inbox)) is not None:
                    return found
        return None

    async def journal(self):
        """Return the histories of all mails by subject; those without are under the empty one."""
        async with self.store.read(self.tenant) as rows:
            return {entry.subject: entry for entry in await rows.journal()}

    async def entries(self):
        """Return what is to be done for all mails, by subject."""
        async with self.store.read(self.tenant) as rows:
            return {staged.journal.subject: staged.entry for staged in await rows.staged_mails()}

    async def outcomes(self):
        """Return what became of all mails, the oldest first."""
        async with self.store.read(self.tenant) as rows:
            return [str(entry.outcome) for entry in reversed(await rows.journal())]

    async def has_seen(self, subject):
        """Whether processing was given that mail."""
        return subject in self.clerk.seen

    async def steps(self, journal):
        """Return the steps of a mail."""
        async with self.store.read(self.tenant) as rows:
            return await rows.steps(journal)

    async def cursor(self, inbox):
        """Return where the next poll goes on."""
        async with self.store.read(self.tenant) as rows:
            row: InboxCursor | None = await rows.cursor(inbox)
        return row and row.cursor["cursor"]

    async def listen(self):
        """Let another system be told of everything from now on."""
        async with self.store.write(self.tenant) as rows:
            await rows.add(Webhook(name="all", url="https://hook.example.test", events=EVENTS, enabled=True, secrets={}))

    async def told(self):
        """Return what it was told."""
        async with self.store.read(self.tenant) as rows:
            (webhook,) = await rows.webhooks()
            return [delivery.event for delivery in reversed(await rows.deliveries(webhook.id, after=None, limit=100))]


@pytest.fixture
def system():
    """A mail system in memory."""
    return System()


@pytest.fixture
def mailport(system, tmp_path):
    """The library with every installed transport, and that system."""
    return Mailport(plugins=[MemoryPlugin(system)], local_root=tmp_path / "mail", allow_legacy_tls=True)


@pytest.fixture
async def post(world, mailport, system):
    """The post office."""
    return Post(world, mailport, system)


@pytest.fixture
async def printer(post):
    """A mail whose processing fails for now, in a mailbox of tenant one."""

    async def away(_received):
        raise Unreachable("The record store does not answer.", code="store.unavailable")

    await post.inbox()
    post.clerk.does["Printer"] = away
    post.box().add(mail("Printer"))
