"""Records in another system: what is done when it fails, and what is never done."""

import pytest

from mailport.egress import EgressPolicy
from mailport.errors import (
    ConfigurationError,
    MailportError,
    NotFound,
    PermissionDenied,
    Throttled,
    TransportError,
    Unreachable,
)
from mailport_workspace.records.chosen import RecordStoreKeys
from mailport_workspace.records.interface import RecordRef
from mailport_workspace.records.webhook import BUDGET, WebhookRecords
from mailport_workspace.tenants.options import Options
from mailport_workspace.web import WebClient
from tests.peers.record_system import RecordSystem
from tests.peers.webhook_receiver import Fault


@pytest.fixture
def system():
    """A ticket system of tenant one."""
    with RecordSystem() as running:
        yield running


@pytest.fixture
async def records(world, web, system, clock):
    """The records of tenant one in that system; waiting moves the clock of the test."""
    system.key = await RecordStoreKeys(world.store, world.ring).renew(world.one)
    await Options(world.store).save(world.one, {"record_store_url": system.url})
    return WebhookRecords(world.store, world.ring, web, clock=clock, sleep=clock.sleep)


@pytest.fixture
def create(records, world):
    """Make a record in the system."""

    async def made(key="k"):
        async with records.work(world.one.tenant) as work:
            return await work.create("incident", {"subject": "Printer"}, key=key)

    return made


@pytest.mark.parametrize("faults", [[Fault(503)], [Fault(500), Fault(429)], [Fault(cut=True)], [Fault(409)]])
async def test_what_passes_is_tried_again_and_made_once(create, system, faults):
    """Also where the record was made and the answer was cut off: every try has the same key."""
    system.faults = list(faults)
    made = await create()
    assert list(system.kept.records) == [made.id]
    assert len({call.headers["idempotency-key"] for call in system.calls}) == 1
    assert len(system.calls) == len(faults) + 1


async def test_a_wait_that_is_asked_for_is_kept(create, system, clock):
    """To the second, where it fits into the budget."""
    system.faults = [Fault(429, {"Retry-After": "12"})]
    await create()
    assert clock.slept == [12.0]


async def test_a_longer_wait_is_left_to_the_queue(create, system, clock):
    """Nobody sleeps on a mail: the error says when to come back."""
    system.faults = [Fault(503, {"Retry-After": "600"})]
    with pytest.raises(Throttled) as caught:
        await create()
    assert (caught.value.retry_after, caught.value.code, clock.slept) == (600.0, "record.throttled", [])


async def test_the_budget_ends_the_tries(create, system, clock):
    """Waits grow, and end before the budget does."""
    system.faults = [Fault(503)] * 50
    with pytest.raises(Unreachable) as caught:
        await create()
    assert (caught.value.code, caught.value.field) == ("record.unavailable", "record_store_url")
    assert 10 < sum(clock.slept) < BUDGET
    assert clock.slept[0] < clock.slept[2] < clock.slept[4]


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Fault(401), PermissionDenied, "record.denied"),
        (Fault(403), PermissionDenied, "record.denied"),
        (Fault(404), NotFound, "record.gone"),
        (Fault(307, {"Location": "https://example.org/"}), ConfigurationError, "record.redirected"),
        (Fault(400), ConfigurationError, "record.refused"),
        (Fault(422, body=b'{"problems": [{"field": "a", "code": "x"}]}'), ConfigurationError, "record.refused"),
        (Fault(501), TransportError, "record.refused"),
    ],
)
async def test_what_does_not_pass_is_told_at_once(create, system, fault, kind, code):
    """One call, and an error that says who must act."""
    system.faults = [fault]
    with pytest.raises(kind) as caught:
        await create()
    assert (caught.value.code, len(system.calls)) == (code, 1)


ANSWERS = [
    b"",
    b"[]",
    b'{"record": 5}',
    b'{"record": null}',
    b'{"record": {"type": "incident", "id": "", "number": "1"}}',
    b"\xff",
]
LONG = b'{"record": {"type": "incident", "number": "1", "id": "%s"}}' % (b"x" * 201)
NUL = b'{"record": {"type": "incident", "number": "\\u0000", "id": "x"}}'


@pytest.mark.parametrize("body", [*ANSWERS, LONG, NUL, b'{"record": ' + b"[" * 5000])
async def test_an_answer_that_is_none_is_told_at_its_place(create, system, body, monkeypatch):
    """Whatever comes ends in a bounded error."""
    monkeypatch.setattr(system, "answer", lambda _call: Fault(200, body=body))
    with pytest.raises(TransportError) as caught:
        await create()
    assert caught.value.code == "record.malformed"


async def test_an_endless_answer_is_cut_off(create, system, monkeypatch):
    """At four megabytes."""
    monkeypatch.setattr(system, "answer", lambda _call: Fault(200, body=b" " * (5 << 20)))
    with pytest.raises(TransportError) as caught:
        await create()
    assert (caught.value.code, caught.value.field) == ("web.too_large", "record_store_url")


async def test_another_key_is_refused_by_the_system(records, create, system, world):
    """A renewed key counts from the next call on; the former one is worth nothing."""
    key = await RecordStoreKeys(world.store, world.ring).renew(world.one)
    with pytest.raises(PermissionDenied):
        await create()
    system.key = key
    assert await create("other")


async def test_without_address_or_key_nothing_is_called(world, web):
    """The error names the setting."""
    records = WebhookRecords(world.store, world.ring, web)
    with pytest.raises(ConfigurationError) as caught:
        async with records.work(world.one.tenant):
            pass
    assert (caught.value.code, caught.value.field) == ("record.not_connected", "record_store_url")


async def test_a_place_inside_is_not_called(world, records, system, create):
    """The egress policy counts for record stores as for mail servers."""
    inside = WebhookRecords(world.store, world.ring, WebClient(EgressPolicy(public_only=True)))
    await Options(world.store).save(world.one, {"record_store_url": system.url.replace("http:", "https:")})
    with pytest.raises(ConfigurationError) as caught:
        async with inside.work(world.one.tenant) as work:
            await work.kinds()
    assert (caught.value.code, caught.value.field, system.calls) == ("egress.refused", "record_store_url", [])


async def test_a_change_of_what_is_gone_is_told(records, world):
    """As a record that is not there."""
    async with records.work(world.one.tenant) as work:
        with pytest.raises(NotFound):
            await work.update(RecordRef(type="incident", id="gone", number="1"), {}, key="u")


async def test_the_key_stands_nowhere_in_clear(records, create, system, database, world):
    """Not in the database, the audit history or an error."""
    system.faults = [Fault(401)]
    with pytest.raises(MailportError) as caught:
        await create()
    secret = system.key.removeprefix("whsec_")
    assert secret not in repr(caught.value) + str(caught.value.as_dict())
    assert secret.encode() not in database.dump()
