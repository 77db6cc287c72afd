"""The hourly job: what goes and what stays, what people are told."""

from datetime import timedelta

import pytest
import trustme
from sqlalchemy import func, select

from mailport import Message
from mailport.errors import PermissionDenied
from mailport_workspace.sealing import new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tables import (
    ApiToken,
    FinishState,
    IntakeEntry,
    IntakeState,
    JournalEntry,
    MailDirection,
    OutboxEntry,
    OutboxState,
    Outcome,
    Quarantined,
    RawMessage,
    Record,
    RecordAttachment,
    new_id,
    now,
)
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.upkeep.upkeep import KEY
from mailport_workspace.workspace import Workspace
from tests.workspace.forms import agent, imap, smtp

DAY = timedelta(days=1)


@pytest.fixture
async def workspace(database):
    """A workspace on that database."""
    urls = {"database_url": database.application, "operator_database_url": database.operator}
    async with Workspace(WorkspaceSettings(**urls, keys=new_key("first"))) as workspace:
        yield workspace


@pytest.fixture
async def one(workspace):
    """The operator, at work for a tenant that sends with a password."""
    actor = Actor.operator(await found_tenant(workspace.store, "One"))
    await workspace.configurations.save(actor, smtp())
    return actor


async def mail(workspace, actor, age, direction=MailDirection.OUTGOING, **task):
    """Store a mail of that age with its bytes and its task; the ids of its history and its bytes."""
    at, journal, raw = now() - age, new_id(), new_id()
    async with workspace.store.write(actor.tenant) as rows:
        await rows.add(RawMessage(id=raw, content=b"x", size=1, sha256="", created_at=at))
        outcome = Outcome.CREATED if direction is MailDirection.INCOMING else None
        await rows.add(JournalEntry(id=journal, direction=direction, raw_id=raw, created_at=at, subject="Old", outcome=outcome))
        if direction is MailDirection.OUTGOING:
            await rows.add(OutboxEntry(journal_id=journal, created_at=at, **task))
        else:
            await rows.add(IntakeEntry(journal_id=journal, inbox_id="inbox", created_at=at, **task))
    return journal, raw


def sent(age):
    return {"state": OutboxState.SENT, "finished_at": now() - age}


def done(age):
    return {"state": IntakeState.DONE, "finish": FinishState.DONE, "finished_at": now() - age}


async def left(workspace, actor, *tables):
    """How many rows of each table a tenant has."""
    async with workspace.store.read(actor.tenant) as rows:
        return [await rows._session.scalar(select(func.count()).select_from(table)) for table in tables]


async def test_finished_tasks_are_kept_thirty_days(workspace, one):  # QUE-06
    """By default what is over stays to be looked at for 30 days and goes then; its history stays."""
    for age in (29 * DAY, 31 * DAY):
        await mail(workspace, one, age, **sent(age))
        await mail(workspace, one, age, MailDirection.INCOMING, **done(age))
    await workspace.upkeep.run()
    assert await left(workspace, one, OutboxEntry, IntakeEntry, JournalEntry) == [1, 1, 4]


async def test_what_is_not_over_never_goes(workspace, one):
    """However old: mail that waits, is held, is parked, is still to be filed, or is in quarantine without a decision."""
    old = 1000 * DAY
    for state in (OutboxState.QUEUED, OutboxState.UNCERTAIN, OutboxState.HELD):
        await mail(workspace, one, old, state=state)
    for state, finish in ((IntakeState.PARKED, FinishState.WAITING), (IntakeState.DONE, FinishState.PENDING)):
        await mail(workspace, one, old, MailDirection.INCOMING, state=state, finish=finish, finished_at=now() - old)
    journal, _ = await mail(workspace, one, old, MailDirection.INCOMING, **done(old))
    async with workspace.store.write(one.tenant) as rows:
        await rows.add(Quarantined(journal_id=journal, code="sender.unknown", reason="Nobody knows the sender."))
    before = await left(workspace, one, JournalEntry, RawMessage, OutboxEntry)
    await workspace.upkeep.run()
    assert await left(workspace, one, JournalEntry, RawMessage, OutboxEntry) == before == [6, 6, 3]


async def test_bytes_go_before_histories(workspace, one):
    """After 90 days the bytes of a mail go, after 365 its history; what a record has as attachment stays."""
    ages = (89 * DAY, 91 * DAY, 364 * DAY, 366 * DAY)
    stored = [await mail(workspace, one, age, **sent(age)) for age in ages]
    async with workspace.store.write(one.tenant) as rows:
        record = Record(id=new_id(), type="incident", number="1", title="Old", fields={}, state="new")
        await rows.add(record)
        await rows.add(RecordAttachment(record_id=record.id, filename="a", content_type="a/b", size=1, raw_id=stored[2][1]))
    await workspace.upkeep.run()
    assert await left(workspace, one, JournalEntry, RawMessage) == [3, 2]
    async with workspace.store.read(one.tenant) as rows:
        assert (await rows.journal_entry(stored[1][0])).raw_id is None
        assert (await rows.journal_entry(stored[2][0])).raw_id == stored[2][1]


@pytest.mark.parametrize("leap", [1000 * DAY, -1000 * DAY])
async def test_a_clock_that_leaps_deletes_nothing(workspace, one, monkeypatch, leap):
    """What a wrong clock takes for old stays for an hour, in which it may be set; if it stays so, it was right."""
    await mail(workspace, one, DAY, **sent(DAY))
    await workspace.upkeep.run()
    monkeypatch.setattr(workspace.upkeep, "_clock", lambda: now() + leap)
    async with workspace.store.survey() as every:
        assert await workspace.upkeep.due(every, now() + leap)
    await workspace.upkeep.run()
    assert await left(workspace, one, JournalEntry, RawMessage, OutboxEntry) == [1, 1, 1]
    await workspace.upkeep.run()
    assert await left(workspace, one, JournalEntry) == ([0] if leap > 0 * DAY else [1])


async def test_many_rows_go_in_batches(workspace, one, monkeypatch):
    """More than one transaction deletes is no reason to leave some."""
    monkeypatch.setattr("mailport_workspace.upkeep.upkeep._BATCH", 2)
    for _ in range(5):
        await mail(workspace, one, 400 * DAY, **sent(400 * DAY))
    await workspace.upkeep.run()
    assert await left(workspace, one, JournalEntry, RawMessage, OutboxEntry) == [0, 0, 0]


async def test_access_that_ended_is_forgotten(workspace, one):
    """Tokens that ended long ago go, those that ended lately can still be seen."""
    async with workspace.store.write(one.tenant) as rows:
        for name, at in (("old", now() - 31 * DAY), ("late", now() - DAY), ("good", now() + DAY)):
            await rows.add(ApiToken(name=name, digest=name, expires_at=at))
    async with workspace.store.operate() as every:
        await every.beat("dead", "host", 0.0)
        for worker in await every.workers():
            worker.beat_at = now() - DAY
    await workspace.upkeep.run()
    assert await left(workspace, one, ApiToken) == [2]
    async with workspace.store.survey() as every:
        assert await every.workers() == []


async def test_it_is_due_once_an_hour(workspace):
    """Whichever worker does it: the others see that it was done."""

    async def due(at):
        async with workspace.store.survey() as rows:
            return await workspace.upkeep.due(rows, at)

    assert await due(now()) == [KEY]
    await workspace.upkeep.run()
    assert await due(now()) == []
    assert await due(now() + timedelta(minutes=61)) == [KEY]


async def ask_for_summaries(workspace, actor):
    await workspace.options.save(actor, {"error_summary_address": "boss@example.test", "error_summary_hours": 1})


async def test_a_summary_of_errors_only_if_there_are_any(workspace, one):  # LOG-04
    """It lists what was not sent and not processed in the period, with the cause; nothing failed, so nothing is sent."""
    await ask_for_summaries(workspace, one)
    await mail(workspace, one, timedelta(minutes=5), **sent(timedelta(minutes=5)))
    await workspace.upkeep.run()
    assert await left(workspace, one, OutboxEntry) == [1]
    other = Actor.operator(await found_tenant(workspace.store, "Two"))
    await workspace.configurations.save(other, smtp())
    await ask_for_summaries(workspace, other)
    failed = {"state": OutboxState.FAILED, "finished_at": now(), "reason": "The server is away."}
    await mail(workspace, other, timedelta(minutes=5), **failed)
    async with workspace.store.write(other.tenant) as rows:
        state = {"outcome": Outcome.QUARANTINED, "last_error": "Nobody knows the sender.", "inbox_name": "Desk"}
        await rows.add(JournalEntry(direction=MailDirection.INCOMING, subject="Strange", **state))
    for _ in range(2):  # the second time the period is not over
        await workspace.upkeep.run()
    async with workspace.store.read(other.tenant) as rows:
        summaries = [entry for entry in await rows.outbox() if entry.origin == "summary"]
        [summary] = [await rows.journal_entry(entry.journal_id) for entry in summaries]
        text = Message.read((await rows.raw_message(summary.raw_id)).content).text
    assert summary.recipients == ["boss@example.test"]
    assert [said in text for said in ("The server is away.", "Nobody knows the sender.", "Strange", "Desk")] == [True] * 4


async def test_a_summary_is_sent_once_for_its_period(workspace, one):
    """Also where the process dies before it notes that, and more has failed since."""
    await ask_for_summaries(workspace, one)
    for former in ({}, {"until": (now() - timedelta(hours=2)).isoformat()}):
        for reason in ("The server is away.", "The server is still away."):
            await mail(workspace, one, timedelta(minutes=5), state=OutboxState.FAILED, finished_at=now(), reason=reason)
            async with workspace.store.operate() as every:
                await every.state(f"summary.{one.tenant}", former, now())
            await workspace.upkeep.run()
    async with workspace.store.read(one.tenant) as rows:
        assert [entry.origin for entry in await rows.outbox()].count("summary") == 2


async def test_nobody_asked_for_a_summary(workspace, one):
    """Without an address none is sent, whatever failed."""
    await mail(workspace, one, timedelta(minutes=5), state=OutboxState.FAILED, finished_at=now())
    await workspace.upkeep.run()
    assert await left(workspace, one, OutboxEntry) == [1]


def _certificate(days):
    issued = trustme.CA().issue_cert("client.example.test", not_after=now() + timedelta(days=days))
    return (issued.private_key_pem.bytes() + issued.cert_chain_pems[0].bytes()).decode()


async def test_endings_are_told_before_mail_stops(workspace, one, caplog):  # LOG-05
    """A stored certificate, a day that a person entered, a refusal: each with its account; what lasts is not told."""
    warned = workspace.credentials
    assert await warned.warnings(one.tenant) == []
    inbox = await workspace.inboxes.create(one, imap(enabled=True))
    for subject, days in (("outgoing", 10), (inbox, 60)):
        await warned.set_end(one, subject, (now() + timedelta(days=days)).date())
    [soon] = await warned.warnings(one.tenant)
    assert (soon.subject, soon.code, soon.ends_on) == ("outgoing", "entered", (now() + 10 * DAY).date())
    await workspace.configurations.save(one, smtp(client_certificate=_certificate(5)))
    async with workspace.store.write(one.tenant) as rows:
        state = await rows.ensure_account_state(inbox)
        state.circuit_opened_at, state.circuit_version = now(), (await rows.inbox(inbox)).version
        state.circuit_code, state.circuit_error = "authentication.refused", "The password was refused."
    codes = {warning.code: warning.text for warning in await warned.warnings(one.tenant)}
    assert set(codes) == {"certificate", "entered", "refused"}
    assert "The password was refused." in codes["refused"]
    await workspace.upkeep.run()
    assert all(text in caplog.text for text in codes.values())


async def test_a_summary_tells_of_credentials(workspace, one):
    """Also where no mail failed yet: that is what it is for."""
    await ask_for_summaries(workspace, one)
    await workspace.credentials.set_end(one, "outgoing", now().date())
    await workspace.upkeep.run()
    assert await left(workspace, one, OutboxEntry) == [1]


async def test_who_may_enter_an_ending(workspace, one):
    """An administrator may, it is audited, and it can be taken back."""
    with pytest.raises(PermissionDenied):
        await workspace.credentials.set_end(agent(one), "outgoing", now().date())
    await workspace.credentials.set_end(one, "outgoing", now().date())
    async with workspace.store.read(one.tenant) as rows:
        assert (await rows.audit())[0].field == "credential_ends_on"
    await workspace.credentials.set_end(one, "outgoing", None)
    assert await workspace.credentials.warnings(one.tenant) == []


async def test_a_tenant_whose_rows_are_broken_delays_no_other(workspace, one, monkeypatch):
    """Whatever is wrong with them, and whoever comes first."""
    other, seen = await found_tenant(workspace.store, "Two"), []

    async def broken(tenant):
        seen.append(tenant)
        raise KeyError("unheard of")

    monkeypatch.setattr(workspace.upkeep._credentials, "warnings", broken)
    await workspace.upkeep.run()
    assert sorted(seen) == sorted([one.tenant, other])
