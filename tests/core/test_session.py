"""The pool: lend, reuse, expire, wait, close."""

import asyncio

import pytest

from mailport import Mailport, PluginError, SessionLimits, Unreachable
from mailport.account import validate
from mailport.errors import AuthenticationFailed
from mailport.fields import Direction
from mailport.receipt import Receipt, Status
from mailport.session import SessionPool
from mailport.testing.memory import MemoryPlugin
from mailport.transport import Sender
from tests.core.test_account import GOOD, PROTOCOL


class Slow(Sender):
    """A sender that holds each message until it is told to go on."""

    max_in_flight = 2
    max_messages = 3

    def __init__(self, log, gate, failure=None):
        self.log, self.gate, self.failure, self.up = log, gate, failure, False

    async def open(self):
        await asyncio.sleep(0)
        self.log.append("open")
        if isinstance(self.failure, asyncio.Event):
            await self.failure.wait()
        elif self.failure:
            raise self.failure
        self.up = True

    async def close(self):
        self.log.append("close")
        self.up = False

    @property
    def alive(self):
        return self.up

    async def send(self, message):
        await self.gate.wait()
        return Receipt.for_all("", ("a@example.org",), Status.ACCEPTED)


class Bench:
    def __init__(self, failure=None, **limits):
        self.log, self.gate, self.now = [], asyncio.Event(), 0.0
        self.account = validate(PROTOCOL, Direction.OUTGOING, GOOD)
        self.failure = failure
        self.pool = SessionPool(self.make, SessionLimits(**({"max_sessions": 2} | limits)), lambda: self.now)

    def make(self, account):
        return Slow(self.log, self.gate, self.failure)

    async def use(self):
        async with self.pool.lend(self.account) as lent:
            return await lent.sender.send(None)


async def settled():
    """Let everybody go on as far as they can; unlike a moment of time it is enough on a busy machine."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_sessions_are_opened_as_far_as_needed_and_allowed():
    """Two messages share a session, two sessions are the limit, the rest waits."""
    bench = Bench()
    work = [asyncio.ensure_future(bench.use()) for _ in range(5)]
    await settled()
    assert repr(bench.pool) == "<SessionPool open=2 busy=2 idle=0 waiting=1>"
    bench.gate.set()
    await asyncio.gather(*work)
    assert "busy=0" in repr(bench.pool)
    await bench.pool.close()
    assert bench.log == ["open", "open", "close", "close"]


async def test_capacity_follows_what_open_sessions_take():
    """A host asks how many messages it may begin: one a session until one is open and says more."""
    bench = Bench()
    assert bench.pool.capacity(bench.account) == 2
    bench.gate.set()
    await bench.use()
    assert bench.pool.capacity(bench.account) == 4
    await bench.pool.close()


async def test_a_session_is_replaced_after_its_last_message():
    """A sender that takes three messages is closed after the third."""
    bench = Bench(max_sessions=1)
    bench.gate.set()
    for _ in range(4):
        await bench.use()
    assert bench.log == ["open", "close", "open"]
    await bench.pool.close()


async def test_an_idle_session_expires():
    """Nobody keeps a connection that a server would close."""
    bench = Bench(max_idle=0.01)
    bench.gate.set()
    await bench.use()
    await asyncio.sleep(0.05)
    assert bench.log == ["open", "close"]
    await bench.pool.close()


async def test_one_failed_opening_answers_everybody_who_waited():
    """Twenty messages for a server that is down make one attempt, then the next message tries again."""
    bench = Bench(Unreachable("down"))
    failures = await asyncio.gather(*(bench.use() for _ in range(20)), return_exceptions=True)
    assert {type(failure) for failure in failures} == {Unreachable}
    assert bench.log == ["open"]
    bench.failure = None
    bench.gate.set()
    await bench.use()
    await bench.pool.close()


async def test_the_circuit_closes_after_its_time():
    """Refused credentials are not tried again for a while, and then once."""
    bench = Bench(AuthenticationFailed("no"), circuit=60)
    for moment in (0.0, 59.0, 61.0):
        bench.now = moment
        with pytest.raises(AuthenticationFailed):
            await bench.use()
    assert bench.log == ["open", "open"]
    await bench.pool.close()


async def test_cancelling_one_who_waits_leaves_the_others_their_session():
    """The session that was being opened serves whoever still wants it."""
    bench = Bench()
    first, second = (asyncio.ensure_future(bench.use()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    bench.gate.set()
    await second
    assert bench.log == ["open"]
    await bench.pool.close()


async def test_closing_waits_for_what_is_under_way():
    """A message under way is finished before its session is closed."""
    bench = Bench()
    work = asyncio.ensure_future(bench.use())
    await settled()
    closing = asyncio.ensure_future(bench.pool.close())
    await settled()
    assert not closing.done()
    bench.gate.set()
    await asyncio.gather(work, closing)
    assert work.result().accepted


async def test_closing_does_not_wait_forever():
    """After the drain limit the sessions are closed under the work."""
    bench = Bench(drain=0.01)
    work = asyncio.ensure_future(bench.use())
    await settled()
    await bench.pool.close()
    assert bench.log == ["open", "close"]
    bench.gate.set()
    await work


async def test_accounts_do_not_share_sessions(memory, values, compose):
    """Sending for one account never uses the session of another."""
    memory.passwords["bob@example.org"] = "secret-of-bob"
    async with Mailport(plugins=[MemoryPlugin(memory)], discover=False) as mail:
        await mail.submit(compose(), mail.account(values))
        await mail.submit(compose(), mail.account(values | {"user_name": "bob@example.org", "password": "secret-of-bob"}))
    assert [stored.user for stored in memory.accepted] == ["ann@example.org", "bob@example.org"]


async def test_a_session_that_nobody_waited_for_expires_too():
    """Whoever wanted it gave up while it was being opened."""
    bench = Bench(max_idle=0.01)
    work = asyncio.ensure_future(bench.use())
    await asyncio.sleep(0)
    work.cancel()
    await asyncio.sleep(0.05)
    assert bench.log == ["open", "close"]
    await bench.pool.close()


async def test_a_closed_pool_lends_nothing():
    """Messages that still wait when the time is up, and later ones, are told unsent; no session is opened for them."""
    bench = Bench(max_sessions=1, drain=0.01)
    work = [asyncio.ensure_future(bench.use()) for _ in range(3)]
    await asyncio.sleep(0.005)
    await bench.pool.close()
    with pytest.raises(Unreachable):
        await work[2]
    with pytest.raises(Unreachable):
        await bench.use()
    assert bench.log == ["open", "close"]
    bench.gate.set()
    await asyncio.gather(*work[:2])


async def test_closing_ends_an_opening_without_cancelling_who_waits():
    """The one who waits for a server that says nothing gets an error, not a cancellation that nobody asked for."""
    bench = Bench(asyncio.Event(), drain=0.01)
    work = asyncio.ensure_future(bench.use())
    await asyncio.sleep(0)
    await bench.pool.close()
    with pytest.raises(Unreachable):
        await work


async def test_closing_lets_waiting_messages_go_first():
    """What was submitted before the end leaves within the drain limit, also if it had to wait for a session."""
    bench = Bench(max_sessions=1)
    work = [asyncio.ensure_future(bench.use()) for _ in range(3)]
    await asyncio.sleep(0.005)
    closing = asyncio.ensure_future(bench.pool.close())
    bench.gate.set()
    assert all(receipt.accepted for receipt in await asyncio.gather(*work))
    await closing


async def test_a_transport_that_breaks_while_it_opens_is_a_plugin_error():  # PLG-03
    """What is no error of ours reaches the host as one that names whom to tell."""
    bench = Bench(KeyError("bug"))
    with pytest.raises(PluginError):
        await bench.use()
    await bench.pool.close()


async def test_nothing_is_kept_of_an_account_that_is_not_used_any_more():
    """Ten thousand accounts, or one whose settings change as often, do not add up; those under way are untouched."""
    bench = Bench(max_idle=0.01)
    bench.gate.set()
    await bench.use()
    bench.failure = Unreachable("down")
    bench.account = validate(PROTOCOL, Direction.OUTGOING, GOOD | {"send_mail_timeout": 7})
    with pytest.raises(Unreachable):
        await bench.use()
    await asyncio.sleep(0.05)
    assert bench.pool._shelves == {}
    await bench.pool.close()


class Crowded(Slow):
    """A sender that one message makes slow."""

    crowded_at = 1


@pytest.mark.parametrize(("failure", "opened"), [(None, 2), (Unreachable("too many connections"), 1)])
async def test_a_crowded_session_gets_another_one_beside_it(failure, opened):
    """Messages that have room in an open session make a second one come; nobody waits for it, and its refusal hurts nobody."""
    bench = Bench()
    senders = iter([None, failure, failure])
    bench.pool = SessionPool(lambda _: Crowded(bench.log, bench.gate, next(senders)), SessionLimits(), lambda: bench.now)
    work = [asyncio.ensure_future(bench.use()) for _ in range(2)]
    await settled()
    assert (bench.log.count("open"), repr(bench.pool)) == (2, f"<SessionPool open={opened} busy=1 idle={opened - 1} waiting=0>")
    bench.gate.set()
    assert len(await asyncio.gather(*work)) == 2
    await bench.pool.close()
