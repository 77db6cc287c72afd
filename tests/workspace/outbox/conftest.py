"""An outbox on each database, with a clock that tests move, and a mail server of the test's choice."""

import secrets
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest

from mailport import Mailport, Message, SessionLimits
from mailport.egress import EgressPolicy
from mailport.fields import Capabilities
from mailport.testing.memory import MemoryMail, MemoryPlugin
from mailport_workspace.outbox.drain import Limits
from mailport_workspace.outbox.enqueue import Wish
from mailport_workspace.outbox.outbox import Outbox
from mailport_workspace.sealing import KeyRing, new_key
from mailport_workspace.tenants.configuration import Configurations
from tests.workspace.doubles import Clock, Nudges


class Desk:
    """The outbox of tenant `one`, and what became of its mails."""

    def __init__(self, world, mailport, clock, *, reached=lambda _: None, rules=None, **limits):
        self.world, self.mailport, self.clock, self.actor = world, mailport, clock, world.one
        self.engine = Nudges()
        self.outbox = Outbox(
            world.store,
            world.configurations,
            mailport,
            world.ring,
            self.engine,
            rules=rules,
            limits=Limits(**limits),
            clock=clock,
            reached=reached,
        )

    async def configure(self, **form):
        await self.world.configurations.save(self.actor, form)

    async def submit(self, to="bob@example.test", subject="Hello", text="Hello.", *, message=None, **options):
        facts = {"sender": options.pop("sender", "desk@example.test"), "to": to, "subject": subject, "text": text}
        message = Message.compose(**facts, **(message or {}))
        return await self.outbox.submit(self.actor.tenant, message, Wish(**options))

    async def drain(self):
        await self.outbox.drain(self.actor.tenant)

    async def entry(self, submitted):
        async with self.world.store.read(self.actor.tenant) as rows:
            return await rows.outbox_entry(submitted.outbox_id)

    async def state(self, submitted):
        return str((await self.entry(submitted)).state)

    async def entries(self, submitted):
        async with self.world.store.read(self.actor.tenant) as rows:
            return await rows.outbox_of(submitted.journal_id)

    async def journal(self, submitted):
        async with self.world.store.read(self.actor.tenant) as rows:
            return await rows.journal_entry(submitted.journal_id)

    async def attempts(self, submitted):
        """The attempts, each with its receipts as {recipient: status}."""
        async with self.world.store.read(self.actor.tenant) as rows:
            attempts = await rows.attempts_of(submitted.journal_id)
            receipts = await rows.receipts_of(attempts)
        return [(one, {receipt.recipient: receipt.status for receipt in receipts[one.id]}) for one in attempts]

    async def account(self):
        async with self.world.store.write(self.actor.tenant) as rows:
            return await rows.ensure_account_state("outgoing")

    async def due(self):
        async with self.world.store.survey() as rows:
            return await rows.due_outbox(self.clock(), lost_before=self.clock() - timedelta(seconds=5))


def smtp(host, port, **more):
    """The settings of an account on a server without TLS and sign-in."""
    return {
        "protocol": "smtp",
        "authentication": "none",
        "use_ssl_tls": "none",
        "host": host,
        "port": port,
        "user_name": "desk@example.test",
    } | more


@pytest.fixture
def clock():
    """A clock that starts now."""
    return Clock()


@pytest.fixture
async def sending(tmp_path):
    """The library as a worker has it; accounts may reach this machine, Maildirs stand below the test's folder."""
    async with Mailport(
        egress=EgressPolicy(public_only=False), local_root=tmp_path, limits=SessionLimits(circuit=0.0)
    ) as library:
        yield library


@pytest.fixture
def ring_text():
    """The entry of the key ring, for a process of its own as well."""
    return new_key("first")


@pytest.fixture
def ring(ring_text):
    """A key ring with one key."""
    return KeyRing.parse(ring_text)


@pytest.fixture
def mail():
    """A mail system in memory, where the tenant has an account; tests switch its faults."""
    return MemoryMail({"desk@example.test": secrets.token_urlsafe(16)})


@pytest.fixture
async def office(world, mail, clock):
    """The outbox of tenant `one`, which sends through `mail`."""
    async with in_memory(world, mail, clock) as desk:
        yield desk


@asynccontextmanager
async def in_memory(world, mail, clock, *, lookup=True, plugin=MemoryPlugin, **more):
    """An outbox whose account is in `mail`; without `lookup` nobody can tell whether a mail was sent."""
    plugins = [plugin(mail, Capabilities(lookup=lookup))]
    async with Mailport(plugins=plugins, limits=SessionLimits(circuit=0.0)) as library:
        configurations = Configurations(world.store, library, world.ring)
        desk = Desk(SimpleNamespace(**vars(world) | {"configurations": configurations}), library, clock, **more)
        await desk.configure(protocol="memory", user_name="desk@example.test", password=mail.passwords["desk@example.test"])
        yield desk


@pytest.fixture
async def desk(world, sending, clock):
    """The outbox of tenant `one`."""
    return Desk(world, sending, clock)


async def abandon(desk, *submitted):
    """Leave mails as a worker does that is killed when it was about to hand them over."""
    async with desk.world.store.write(desk.actor.tenant) as rows:
        await rows.claim("gone", desk.clock(), 100)
        assert await rows.begin_sending([one.outbox_id for one in submitted], "gone", desk.clock()) == len(submitted)
