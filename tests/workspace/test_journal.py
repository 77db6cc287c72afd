"""What is kept of mail: its bytes, its history, and what became of it."""

import hashlib

import pytest

from mailport.errors import ConfigurationError, NotFound
from mailport_workspace.tables import (
    Attempt,
    JournalEntry,
    MailDirection,
    OutboxEntry,
    OutboxState,
    Quarantined,
    RawMessage,
    RecipientReceipt,
    new_id,
)

RAW = b"Subject: hello\r\n\r\n\x00\xff\r\n"


def _incoming(**more):
    return JournalEntry(**{"id": new_id(), "direction": MailDirection.INCOMING} | more)


async def test_the_bytes_of_a_mail_are_kept(world, store):
    """Whatever they are; another tenant does not find them."""
    raw = RawMessage(id=new_id(), content=RAW, size=len(RAW), sha256=hashlib.sha256(RAW).hexdigest())
    async with store.write(world.one.tenant) as rows:
        await rows.add(raw, _incoming(raw_id=raw.id))
    async with store.read(world.one.tenant) as rows:
        assert (await rows.raw_message(raw.id)).content == RAW
    with pytest.raises(NotFound):
        async with store.read(world.two.tenant) as rows:
            await rows.raw_message(raw.id)


async def test_a_delivery_is_stored_once(world, store):
    """The same key of the same inbox comes a second time and is refused; another tenant may have it."""
    twin = {"inbox_id": new_id(), "delivery_key": "1/2"}
    for tenant in (world.one.tenant, world.two.tenant):
        async with store.write(tenant) as rows:
            await rows.add(_incoming(**twin))
    with pytest.raises(ConfigurationError) as caught:
        async with store.write(world.one.tenant) as rows:
            await rows.add(_incoming(**twin))
    assert caught.value.code == "store.conflict"


@pytest.mark.parametrize("state", list(OutboxState))
async def test_every_state_of_an_outgoing_mail_can_be_stored(world, store, state):
    """The words are those of the table of states."""
    entry = _incoming(direction=MailDirection.OUTGOING)
    async with store.write(world.one.tenant) as rows:
        await rows.add(entry)
        await rows.add(OutboxEntry(journal_id=entry.id, state=state))
    async with store.read(world.one.tenant) as rows:
        assert [waiting.state for waiting in await rows.outbox()] == [state]


async def test_attempts_and_receipts_belong_to_their_mail(world, store):  # SND-29
    """A long list of recipients is kept completely, with what became of each."""
    recipients = [f"somebody{number}@example.test" for number in range(200)]
    entry = _incoming(direction=MailDirection.OUTGOING, recipients=recipients)
    queued = OutboxEntry(id=new_id(), journal_id=entry.id, idempotency_key="order 1")
    attempt = Attempt(id=new_id(), outbox_id=queued.id, number=1, outcome=OutboxState.SENT)
    async with store.write(world.one.tenant) as rows:
        for row in (entry, queued, attempt):
            await rows.add(row)
        await rows.add(*(RecipientReceipt(attempt_id=attempt.id, recipient=to, status="accepted") for to in recipients))
    async with store.read(world.one.tenant) as rows:
        assert (await rows.journal())[0].recipients == recipients


async def test_the_same_wish_is_queued_once(world, store):
    """An idempotency key belongs to one mail of the tenant."""
    entry = _incoming(direction=MailDirection.OUTGOING)
    with pytest.raises(ConfigurationError) as caught:
        async with store.write(world.one.tenant) as rows:
            await rows.add(entry)
            await rows.add(*(OutboxEntry(journal_id=entry.id, idempotency_key="order 1") for _ in range(2)))
    assert caught.value.code == "store.conflict"


async def test_nothing_refers_to_a_row_of_another_tenant(world, store):  # SEC-04
    """The tenant is part of every reference, so that the database refuses it."""
    entry = _incoming()
    async with store.write(world.two.tenant) as rows:
        await rows.add(entry)
    for row in (OutboxEntry(journal_id=entry.id), Quarantined(journal_id=entry.id, code="x", reason="x")):
        with pytest.raises(ConfigurationError):
            async with store.write(world.one.tenant) as rows:
                await rows.add(row)
