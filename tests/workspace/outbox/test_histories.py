"""Whatever happens in whatever order, no mail is lost and none is sent twice unless a person asked for it."""

import asyncio
import secrets
import shutil
from collections import Counter
from contextlib import suppress
from types import SimpleNamespace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailport.errors import ConfigurationError
from mailport.testing.memory import MemoryMail
from mailport_workspace.outbox.states import Action
from mailport_workspace.sealing import KeyRing, new_key
from mailport_workspace.store import Store
from mailport_workspace.tables import OutboxState
from mailport_workspace.tables.outbox import FINAL
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.fresh import found_tenant
from tests.workspace.doubles import Clock
from tests.workspace.outbox.conftest import in_memory

PEOPLE = ("ann@example.test", "bob@example.test", "eve@example.test")
FAULTS = ("cut_after_handover", "cut_before_handover")
number = st.integers(0, 3)
STEP = st.one_of(
    st.tuples(st.just("submit"), st.lists(st.sampled_from(PEOPLE), min_size=1, unique=True)),
    st.tuples(st.just("drain"), st.none()),
    st.tuples(st.just("forward"), st.sampled_from([6, 70, 1000])),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS)),
    st.tuples(st.just("defer"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("refuse"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("crash"), st.none()),
    st.tuples(st.just("act"), st.tuples(st.sampled_from(Action), number)),
)


class History:
    """What a run of steps has done so far."""

    def __init__(self, desk, mail):
        self.desk, self.mail = desk, mail
        self.submitted, self.resent = [], Counter()

    async def take(self, step, value):
        await getattr(self, step)(value)

    async def submit(self, to):
        self.submitted.append(await self.desk.submit(to=", ".join(to), subject=str(len(self.submitted))))

    async def drain(self, _=None):
        await self.desk.drain()

    async def forward(self, seconds):
        self.desk.clock.forward(seconds=seconds)

    async def fault(self, name):
        setattr(self.mail.faults, name, not getattr(self.mail.faults, name))

    async def defer(self, address):
        self.mail.deferred ^= {address}

    async def refuse(self, address):
        self.mail.refused ^= {address}

    async def crash(self, _):
        """Die with some mails begun and others claimed only."""
        async with self.desk.world.store.write(self.desk.actor.tenant) as rows:
            claimed = await rows.claim("gone", self.desk.clock(), 20)
            if claimed:
                await rows.begin_sending([one.id for one in claimed[:2]], "gone", self.desk.clock())

    async def act(self, decision):
        action, which = decision
        if which >= len(self.submitted):
            return
        with suppress(ConfigurationError):  # its state does not allow it
            await getattr(self.desk.outbox, action)(self.desk.actor, self.submitted[which].outbox_id)
            self.resent[which] += action is Action.RESEND

    async def settle(self):
        """Let everything go well until nothing is left to do."""
        self.mail.deferred.clear()
        self.mail.refused.clear()
        for name in FAULTS:
            setattr(self.mail.faults, name, False)
        for _ in range(20):
            self.desk.clock.forward(hours=2)
            await self.desk.drain()

    async def check(self):
        """Each mail has an end that people see, and nobody got it more often than people asked for."""
        copies = Counter((one.raw, to) for one in self.mail.accepted for to in one.envelope_to)
        for which, one in enumerate(self.submitted):
            entries = await self.desk.entries(one)
            assert {entry.state for entry in entries} <= FINAL | {OutboxState.HELD}
            message_id = (await self.desk.journal(one)).message_id.encode()
            mine = [count for (raw, _), count in copies.items() if message_id in raw]
            assert all(count <= 1 + self.resent[which] for count in mine), (which, mine, self.resent[which])
            if {entry.state for entry in entries} == {OutboxState.SENT} and not await self.was_marked(one):
                assert mine

    async def was_marked(self, one):
        async with self.desk.world.store.read(self.desk.actor.tenant) as rows:
            return any(step.step == "mark_sent" for step in await rows.steps(one.journal_id))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEP, min_size=5, max_size=25))
def test_no_history_loses_or_doubles_a_mail(sqlite, tmp_path, steps):
    """Submissions, faults, crashes, decisions and time in any order end well for every mail."""
    path = tmp_path / f"{secrets.token_hex(8)}.db"
    shutil.copy(sqlite, path)
    asyncio.run(run(f"sqlite+aiosqlite:///{path}", steps))
    path.unlink()


async def run(url, steps):
    store, ring = Store(url), KeyRing.parse(new_key())
    world = SimpleNamespace(store=store, ring=ring, one=Actor.operator(await found_tenant(store, "One")))
    mail = MemoryMail({"desk@example.test": secrets.token_urlsafe(16)})
    async with in_memory(world, mail, Clock()) as desk:
        history = History(desk, mail)
        for step, value in steps:
            await history.take(step, value)
        await history.settle()
        await history.check()
    await store.close()
