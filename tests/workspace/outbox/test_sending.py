"""From `submit` to the mail server and back into the history."""

from datetime import timedelta

import pytest

from mailport.errors import ConfigurationError
from mailport_workspace.records.interface import RecordRef
from mailport_workspace.tables import OutboxState
from tests.workspace.outbox.conftest import smtp

RECORD = RecordRef(type="incident", id="1", number="INC1001")


async def test_a_mail_is_stored_and_then_sent(desk, smtp_sink):  # SND-22
    """A mail is in the database before anybody tries to send it, and says afterwards when it left."""
    await desk.configure(**smtp(smtp_sink.host, smtp_sink.port))
    submitted = await desk.submit()
    assert (submitted.state, (await desk.journal(submitted)).sent) == (OutboxState.QUEUED, False)
    assert smtp_sink.messages() == []
    await desk.drain()
    journal = await desk.journal(submitted)
    assert (await desk.entry(submitted)).state is OutboxState.SENT
    assert (journal.sent, journal.attempts, journal.sent_at is None) == (True, 1, False)
    assert [receipts for _, receipts in await desk.attempts(submitted)] == [{"bob@example.test": "accepted"}]


async def test_many_mails_leave_once_each(desk, smtp_sink):
    """Groups of mails are sent, each once."""
    await desk.configure(**smtp(smtp_sink.host, smtp_sink.port))
    submitted = [await desk.submit(subject=f"Mail {number}") for number in range(70)]
    await desk.drain()
    assert {(await desk.entry(one)).state for one in submitted} == {OutboxState.SENT}
    subjects = [line for mail in smtp_sink.messages() for line in mail.splitlines() if line.startswith(b"Subject: ")]
    assert sorted(subjects) == sorted(f"Subject: Mail {number}".encode() for number in range(70))


async def test_hidden_recipients_and_the_envelope_survive_storing(desk, smtp_sink):
    """Bcc receives the mail and stands nowhere in it; an envelope of its own is kept beside the bytes."""
    await desk.configure(**smtp(smtp_sink.host, smtp_sink.port))
    await desk.submit(message={"bcc": "eve@example.test"})
    await desk.submit(message={"envelope_to": ("only@example.test",), "envelope_from": "bounces@example.test"})
    await desk.drain()
    first, second = sorted(smtp_sink.messages(), key=lambda mail: b"only@" in mail)
    assert b"X-Rcpt-Args: <eve@example.test>" in first
    assert b"Bcc" not in first
    assert second.count(b"X-Rcpt-Args") == 1
    assert b"X-Mail-Args: <bounces@example.test>" in second


async def test_a_mail_without_a_sender_leaves_from_the_account(desk, smtp_sink):
    """Without From a mail leaves from the address of the account."""
    await desk.configure(**smtp(smtp_sink.host, smtp_sink.port))
    submitted = await desk.submit(sender=None)
    await desk.drain()
    assert (await desk.entry(submitted)).state is OutboxState.SENT
    assert b"From: desk@example.test" in smtp_sink.messages()[0]


async def test_the_same_key_means_the_same_mail(desk):
    """A second call with a key returns the first mail, also one composed anew; another mail under the key is refused."""
    first = await desk.submit(idempotency_key="order 1")
    again = await desk.submit(idempotency_key="order 1")
    assert (again.journal_id, first.is_new, again.is_new) == (first.journal_id, True, False)
    with pytest.raises(ConfigurationError) as other:
        await desk.submit(idempotency_key="order 1", text="Something else.")
    assert (other.value.code, other.value.field) == ("store.key_used", "idempotency_key")
    with pytest.raises(ConfigurationError, match="Another mail"):
        await desk.submit(idempotency_key="order 1", to="eve@example.test")


async def test_a_scheduled_mail_waits_until_it_is_due(desk, clock, smtp_sink):
    """A mail does not leave before its time, and is due then without anybody asking."""
    await desk.configure(**smtp(smtp_sink.host, smtp_sink.port))
    submitted = await desk.submit(due_at=clock() + timedelta(hours=1))
    await desk.drain()
    assert (await desk.entry(submitted)).state is OutboxState.QUEUED
    assert await desk.due() == []
    clock.forward(hours=1, seconds=1)
    assert await desk.due() == [desk.actor.tenant]
    await desk.drain()
    assert (await desk.entry(submitted)).state is OutboxState.SENT


async def test_a_higher_priority_leaves_first(desk, smtp_sink):
    """Of mails that are due, those with the higher priority leave first."""
    await desk.configure(**smtp(smtp_sink.host, smtp_sink.port, max_connections=1))
    submitted = [await desk.submit(priority=priority) for priority in (0, 5, -5)]
    await desk.drain()
    attempts = [(await desk.attempts(one))[0][0] for one in submitted]
    assert sorted((0, 1, 2), key=lambda number: attempts[number].finished_at) == [1, 0, 2]


async def test_mails_about_a_record_share_a_conversation(desk):
    """The first mail about a record gets a conversation id that names it; later ones get the same."""
    first, second = [await desk.journal(await desk.submit(record=RECORD)) for _ in range(2)]
    assert first.conversation_id.startswith("INC1001-")
    assert second.conversation_id == first.conversation_id
    assert (await desk.journal(await desk.submit())).conversation_id == ""


async def test_many_recipients_are_stored_and_sent_completely(desk, smtp_sink):  # SND-29
    """A list of recipients longer than any column reaches everybody."""
    await desk.configure(**smtp(smtp_sink.host, smtp_sink.port))
    people = [f"somebody.with.a.long.name.{number}@example.test" for number in range(60)]
    submitted = await desk.submit(to=", ".join(people))
    await desk.drain()
    assert (await desk.journal(submitted)).recipients == people
    assert set((await desk.attempts(submitted))[0][1]) == set(people)
    assert smtp_sink.messages()[0].count(b"X-Rcpt-Args") == 60
