"""Access tokens that several processes share: here each one is a cache of its own on one database."""

import asyncio
import secrets
from datetime import timedelta
from types import SimpleNamespace

import pytest

from mailport.errors import AuthenticationFailed
from mailport.tokens import Token
from mailport_workspace.deployment.shared_tokens import SharedTokens
from mailport_workspace.sealing import KeyRing, Place, new_key
from mailport_workspace.tables import now
from tests.workspace.engines.conftest import until


class Issuer:
    """A token endpoint that counts how many requests are under way at once."""

    def __init__(self, lifetime=3600.0, seconds=0.05):
        self.lifetime, self.seconds, self.failures = lifetime, seconds, 0
        self.asked = self.under_way = self.most = 0

    async def __call__(self):
        self.asked += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.under_way -= 1
        if self.asked <= self.failures:
            raise AuthenticationFailed("The client secret has ended.")
        return Token(f"{self.asked}-{secrets.token_urlsafe(24)}", self.lifetime)


@pytest.fixture
def clock():
    """A clock that a test can set."""
    return SimpleNamespace(at=now())


@pytest.fixture
def process(store, ring, clock):
    """Makes the cache of one more process."""
    return lambda: SharedTokens(store, ring, lambda: clock.at)


async def test_one_request_for_all_processes(process):  # REL-07
    """Ten processes with ten tasks each ask the endpoint once; of two credentials, each once."""
    issuers, caches = {name: Issuer() for name in "ab"}, [process() for _ in range(10)]
    wanted = [cache.get(name, issuers[name]) for cache in caches for name in "ab" for _ in range(5)]
    got = await asyncio.gather(*wanted)
    assert len(set(got)) == 2
    assert [(issuer.asked, issuer.most) for issuer in issuers.values()] == [(1, 1), (1, 1)]


async def test_failing_requests_come_one_after_another(process):  # REL-07
    """A refusal reaches who asked, the next process tries in its turn, and never two at once."""
    issuer = Issuer()
    issuer.failures = 2
    got = await asyncio.gather(*(process().get("a", issuer) for _ in range(4)), return_exceptions=True)
    assert [isinstance(one, AuthenticationFailed) for one in got].count(True) == 2
    assert (issuer.asked, issuer.most) == (3, 1)


async def test_a_refused_token_is_replaced_for_all(process):
    """Who forgets it first fetches another one; who forgets it later finds that one."""
    issuer, one, two = Issuer(), process(), process()
    old = await one.get("a", issuer)
    assert await two.get("a", issuer) == old
    one.forget("a", old)
    new = await one.get("a", issuer)
    two.forget("a", old)
    assert await two.get("a", issuer) == new != old
    assert issuer.asked == 2


async def test_a_lease_that_began_in_the_future_keeps_nobody_waiting(process, store, clock):
    """A process died while it fetched a token, and the clock was put back by a day: another one fetches it."""
    cache = process()
    async with store.operate() as rows:
        row = await rows.shared_token(cache.key_of("a"))
        row.lease, row.leased_until = "gone", clock.at + timedelta(days=1)
    assert await asyncio.wait_for(cache.get("a", Issuer()), 5)


async def test_a_token_near_its_end_is_renewed(process, clock):
    """Another process does not take over what is about to end."""
    issuer = Issuer()
    await process().get("a", issuer)
    clock.at += timedelta(seconds=3530)
    assert (await process().get("a", issuer))[0] == "1"
    clock.at += timedelta(seconds=20)
    assert (await process().get("a", issuer))[0] == "2"


async def test_a_process_that_died_while_it_asked_holds_nobody_up_for_long(process, clock, store):
    """After the lease another one asks; an answer that comes later than that changes nothing."""
    late, issuer, dead = Issuer(seconds=2), Issuer(), process()
    asking = asyncio.create_task(dead.get("a", late))
    await until(lambda: late.asked)
    clock.at += timedelta(seconds=61)
    got = await process().get("a", issuer)
    await asking
    assert await process().get("a", issuer) == got


async def test_the_database_holds_neither_token_nor_credential(process, database, ring):  # SEC-01
    """The token is sealed, the credential stands there as a keyed digest."""
    credential = secrets.token_hex(32)
    token = await process().get(credential, Issuer())
    assert token.encode() not in database.dump()
    assert credential.encode() not in database.dump()


async def test_a_damaged_row_is_fetched_anew(process, store, ring):
    """What cannot be opened is no reason to stop."""
    issuer, cache = Issuer(), process()
    await cache.get("a", issuer)
    async with store.operate() as rows:
        (await rows.shared_token(cache.key_of("a"))).sealed = ring.seal("other", Place("deployment", "other", "access_token"))
    assert (await process().get("a", issuer))[0] == "2"


async def test_another_key_means_another_token(process, store, clock):
    """Rotation of keys needs no rotation of tokens."""
    issuer = Issuer()
    await process().get("a", issuer)
    other = SharedTokens(store, KeyRing.parse(new_key("second")), lambda: clock.at)
    assert (await other.get("a", issuer))[0] == "2"
