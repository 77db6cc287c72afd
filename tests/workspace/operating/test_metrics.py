"""What is counted, and who may see it."""

import asyncio
import secrets
import threading

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mailport.errors import Throttled
from mailport.events import Event, EventKind
from mailport_workspace.observing import metrics
from mailport_workspace.observing.context import working_on
from mailport_workspace.observing.exporter import Exporter
from mailport_workspace.observing.jobs import observed
from mailport_workspace.store import Store
from mailport_workspace.tables import Inbox, JournalEntry, MailDirection, OutboxEntry, OutboxState


async def scrape(store, token=None, *, path="/metrics", **headers):
    """Ask for the metrics."""
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(Exporter(store, token)), base_url="http://metrics.test")
    async with client:
        return await client.get(path, headers=headers)


def values(text):
    """The samples by name and labels; empty labels are none."""
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(sample.name, *(v for v in sample.labels.values() if v)): sample.value for sample in samples}


def counted(name, *labels):
    """A value of this process."""
    return metrics.REGISTRY.get_sample_value(name, dict(labels)) or 0


@pytest.mark.parametrize("kind", [kind for kind in EventKind if kind is not EventKind.RECEIVED])
def test_the_observer_counts_what_is_sent(kind):
    """By protocol and outcome, with how long it took; no tenant unless the operator asks for it."""
    labels = [("protocol", "memory"), ("outcome", kind.value), ("tenant", "")]
    before = counted("mailport_sends_total", *labels)
    with working_on(tenant="t1"):
        metrics.Observer().mailport_observe(Event(kind=kind, protocol="memory", user_name="a@example.org", seconds=0.2))
    assert counted("mailport_sends_total", *labels) == before + 1


def test_tenants_are_kept_apart_where_the_operator_asks_for_it():
    """The label is the tenant of the work at hand."""
    metrics.label_tenants(True)
    try:
        with working_on(tenant="t1"):
            metrics.Observer().mailport_observe(Event(kind=EventKind.RECEIVED, protocol="memory", user_name="a@example.org"))
    finally:
        metrics.label_tenants(False)
    assert counted("mailport_deliveries_total", ("protocol", "memory"), ("tenant", "t1")) == 1


async def test_jobs_are_counted_by_how_they_end(caplog):
    """An error of ours by the first word of its code, which names the rung that failed."""

    async def fail(_key):
        raise Throttled("later", code="send.throttled")

    await observed("drain", fail)("t1")
    assert "drain t1 ended early: later" in caplog.text
    assert counted("mailport_jobs_total", ("kind", "drain"), ("outcome", "send")) == 1


async def test_the_rows_are_counted_when_they_are_asked_for(world):
    """What waits, by state, whichever process asks; what is finished costs no look."""
    async with world.store.write(world.one.tenant) as rows:
        for state in (OutboxState.QUEUED, OutboxState.QUEUED, OutboxState.HELD, OutboxState.SENT):
            journal = JournalEntry(id=secrets.token_hex(16), direction=MailDirection.OUTGOING)
            await rows.add(journal)
            await rows.add(OutboxEntry(journal_id=journal.id, state=state))
        await rows.add(Inbox(name="Sick", enabled=True, failures=2))
    seen = values((await scrape(world.store)).text)
    assert seen["mailport_outbox_entries", "queued"] == 2
    assert (seen["mailport_outbox_entries", "held"], seen["mailport_inboxes_failing",]) == (1, 1)
    assert ("mailport_outbox_entries", "sent") not in seen
    assert 0 <= seen["mailport_oldest_due_seconds",] < 60
    assert seen["mailport_database_up",] == 1


async def test_a_database_that_is_away_is_a_metric(tmp_path):
    """Prometheus still gets an answer, and can raise the alarm."""
    before = set(threading.enumerate())
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/missing/mailport.db")
    answer = await scrape(store)
    await store.close()
    for thread in set(threading.enumerate()) - before:  # the driver's, which reports to this loop once more before it ends
        await asyncio.to_thread(thread.join, 10)
    assert (answer.status_code, values(answer.text)["mailport_database_up",]) == (200, 0)


async def test_a_token_opens_the_metrics(world):
    """Without it nobody learns anything; other paths are not there."""
    token = secrets.token_urlsafe(16)
    wrong = [await scrape(world.store, token, **headers) for headers in ({}, {"Authorization": "Bearer x"})]
    assert [(answer.status_code, answer.text) for answer in wrong] == [(401, "")] * 2
    assert (await scrape(world.store, token, Authorization=f"Bearer {token}")).status_code == 200
    assert (await scrape(world.store, path="/")).status_code == 404


async def test_only_workers_that_live_count(world):
    """One that is silent is gone."""
    async with world.store.operate() as rows:
        await rows.beat("w1", "here", 0.0)
    assert values((await scrape(world.store)).text)["mailport_workers",] == 1
