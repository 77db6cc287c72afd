"""From `submit` to the mail server and back into the history."""

import asyncio

from mailport_workspace.tables import OutboxState
from tests.workspace.outbox.conftest import smtp


async def test_a_mail_is_stored_and_sent(desk, smtp_sink):
    """A mail is in the database before anybody tries to send it, and says afterwards when it left."""  # SND-22
    await desk.configure(**smtp(smtp_sink))
    submitted = await desk.submit()
    assert (submitted.state, (await desk.journal(submitted)).sent) == (OutboxState.QUEUED, False)
    await desk.drain()
    journal = await desk.journal(submitted)
    assert (await desk.entry(submitted)).state is OutboxState.SENT
    assert (journal.sent, journal.attempts) == (True, 1) and journal.sent_at is not None
    assert [receipts for _, receipts in await desk.attempts(submitted)] == [{"bob@example.test": "accepted"}]
    assert len(smtp_sink.messages()) == 1


async def test_many_mails_leave_once_each(desk, smtp_sink):
    """Groups of mails are sent, each once."""
    await desk.configure(**smtp(smtp_sink))
    submitted = [await desk.submit(subject=f"Mail {number}") for number in range(70)]
    await desk.drain()
    assert {(await desk.entry(one)).state for one in submitted} == {OutboxState.SENT}
    assert len(smtp_sink.messages()) == 70
