"""What people do with records."""

import hashlib

import pytest

from mailport import Mailport, Message
from mailport.errors import ConfigurationError, NotFound, UnsupportedFeature
from mailport_workspace.engines.local import LocalEngine
from mailport_workspace.outbox.outbox import Outbox
from mailport_workspace.queries.records import RecordFilter
from mailport_workspace.records.desk import RecordDesk
from mailport_workspace.records.embedded import EmbeddedRecords
from mailport_workspace.records.interface import AttachedMail
from mailport_workspace.records.outside import OutsideNumbers
from mailport_workspace.tables import ActivityKind, JournalEntry, MailDirection, RawMessage, now
from mailport_workspace.tenants.options import Options
from tests.workspace.forms import smtp

MAIL = b"""From: Ann <ann@example.test>\r
To: desk@example.test\r
Subject: Printer\r
Message-ID: <1@example.test>\r
Thread-Index: AdtXAABBBCCCDDDEEEFFFGGGHHHIII==\r
\r
It burns.\r
"""


@pytest.fixture
async def desk(world):
    """The desk of both tenants; tenant one has an account to send from."""
    await world.configurations.save(world.one, smtp())
    records, engine = EmbeddedRecords(world.store), LocalEngine(1)
    outbox = Outbox(world.store, world.configurations, Mailport(), world.ring, engine)
    return RecordDesk(world.store, records, outbox, world.configurations)


@pytest.fixture
async def record(desk, world):
    """An incident that somebody made by hand."""
    return await desk.create(world.one, "incident", {"subject": "Printer"}, email="Ann <ann@example.test>")


async def arrived(world, record, *, raw=MAIL):
    """Let a mail be in the journal as one of the record, and in its history with its original."""
    stored = RawMessage(content=raw, size=len(raw), sha256=hashlib.sha256(raw).hexdigest())
    message = Message.read(raw)
    entry = JournalEntry(direction=MailDirection.INCOMING, sender=message.sender.mailbox, message_id=message.message_id)
    entry.record_type, entry.record_id, entry.record_number = record.type, record.id, record.number
    async with world.store.write(world.one.tenant) as rows:
        await rows.add(stored)
        entry.raw_id = stored.id
        await rows.add(entry)
    mail = AttachedMail(
        journal_id=entry.id,
        kind=ActivityKind.MAIL_IN,
        sender=entry.sender,
        subject="Printer",
        text="It burns.",
        at=now(),
        raw_id=stored.id,
    )
    async with EmbeddedRecords(world.store).work(world.one.tenant) as work:
        await work.attach(record, mail)
        await work.settle(nothing_more)
    return entry


async def nothing_more(_rows):
    """Settle."""


async def sent(world, submitted):
    async with world.store.read(world.one.tenant) as rows:
        entry = await rows.journal_entry(submitted.journal_id)
        return entry, Message.read((await rows.raw_message(entry.raw_id)).content)


async def test_an_answer_stands_below_the_mail_that_it_answers(desk, world, record):
    """To its writer, with Re:, In-Reply-To and the conversation id of the record, and in the history at once."""
    await arrived(world, record)
    entry, message = await sent(world, await desk.answer(world.one, record.id, text="Use water."))
    assert [address.mailbox for address in message.to] == ["ann@example.test"]
    assert (message.subject, message.in_reply_to) == ("Re: Printer", "<1@example.test>")
    assert message.sender.mailbox == "desk@example.test"
    assert message.header("Thread-Index") != ""
    assert (entry.record_id, entry.record_number, bool(entry.conversation_id)) == (record.id, record.number, True)
    history = (await desk.read(world.one, record.id)).history
    assert [item.kind for item in history] == [ActivityKind.CREATED, ActivityKind.MAIL_IN, ActivityKind.MAIL_OUT]
    assert (history[-1].journal_id, history[-1].text.strip()) == (entry.id, "Use water.")


async def test_all_mail_of_a_record_has_one_conversation(desk, world, record):
    """The second answer carries the id of the first."""
    first, second = [(await sent(world, await desk.answer(world.one, record.id, text=text)))[0] for text in "ab"]
    assert first.conversation_id == second.conversation_id != ""


async def test_without_a_mail_an_answer_goes_to_the_person(desk, world, record):
    """Or to whom somebody names; with neither it is refused."""
    _, message = await sent(world, await desk.answer(world.one, record.id, text="Hello", to=["bob@example.test"]))
    assert [address.mailbox for address in message.to] == ["bob@example.test"]
    _, message = await sent(world, await desk.answer(world.one, record.id, text="Hello"))
    assert ([address.mailbox for address in message.to], message.in_reply_to) == (["ann@example.test"], "")
    nobodys = await desk.create(world.one, "incident", {"subject": "x"})
    with pytest.raises(ConfigurationError) as caught:
        await desk.answer(world.one, nobodys.id, text="Hello")
    assert caught.value.code == "message.no_recipient"


async def test_the_same_key_answers_once(desk, world, record):
    """The history has one entry."""
    await arrived(world, record)
    for _ in range(2):
        await desk.answer(world.one, record.id, text="Hello", key="k")
    history = (await desk.read(world.one, record.id)).history
    assert [item.kind for item in history].count(ActivityKind.MAIL_OUT) == 1


async def test_who_did_what_and_why_stands_in_the_history(desk, world, record):
    """Changes with what became what, notes with their author."""
    await desk.change(world.one, record.id, {"priority": "high"}, state="In Progress", reason="Ann called.")
    await desk.note(world.one, record.id, "Toner is low.")
    created, changed, note = (await desk.read(world.one, record.id)).history
    assert changed.changes == {"priority": ["Medium", "High"], "state": ["new", "in_progress"], "reason": ["", "Ann called."]}
    assert (changed.text, note.text) == ("Ann called.", "Toner is low.")
    assert {created.author, changed.author, note.author} == {world.one.name}


async def test_files_are_read_with_the_record_that_has_them(desk, world, record):
    """The original is the stored mail itself; through another record it is not found."""
    await arrived(world, record)
    (file,) = (await desk.read(world.one, record.id)).files
    row, content = await desk.file(world.one, record.id, file.id)
    assert (row.filename, row.content_type, row.size, content) == ("Printer.eml", "message/rfc822", len(MAIL), MAIL)
    other = await desk.create(world.one, "incident", {"subject": "x"})
    with pytest.raises(NotFound):
        await desk.file(world.one, other.id, file.id)


async def test_lists_show_what_was_asked_for(desk, world, record):
    """By type, state, person, text and the record above; page by page."""
    task = await desk.create(world.one, "task", {"subject": "Buy Toner"}, parent=record.id)
    await desk.create(world.two, "incident", {"subject": "Theirs"})
    for wanted, found in (
        (RecordFilter(), [task.id, record.id]),
        (RecordFilter(type="task"), [task.id]),
        (RecordFilter(states=("closed",)), []),
        (RecordFilter(text="toner"), [task.id]),
        (RecordFilter(text=record.number.lower()), [record.id]),
        (RecordFilter(person=record.person), [record.id]),
        (RecordFilter(parent=record.id), [task.id]),
        (RecordFilter(text="%"), []),
    ):
        assert [listed.record.id for listed in await desk.list(world.one, wanted)] == found
    assert [part.id for part in (await desk.read(world.one, record.id)).parts] == [task.id]
    assert [one.record.id for one in await desk.list(world.one, RecordFilter(), after=[task.id], limit=1)] == [record.id]


async def test_nobody_sees_or_changes_the_records_of_another_tenant(desk, world, record):
    """Whatever they try, there is no such record."""
    for work in (
        desk.read(world.two, record.id),
        desk.change(world.two, record.id, {"subject": "x"}),
        desk.note(world.two, record.id, "x"),
        desk.create(world.two, "task", {"subject": "x"}, parent=record.id),
    ):
        with pytest.raises(NotFound):
            await work
    assert await desk.list(world.two, RecordFilter()) == []


async def test_records_elsewhere_are_not_at_this_desk(desk, world, record):
    """A tenant that keeps its records in another system looks there."""
    await Options(world.store).save(world.one, {"record_store": "webhook", "record_store_url": "https://example.org/"})
    for work in (
        desk.list(world.one, RecordFilter()),
        desk.read(world.one, record.id),
        desk.create(world.one, "incident", {"subject": "x"}),
        desk.change(world.one, record.id, {}, state="closed"),
        desk.note(world.one, record.id, "x"),
        desk.answer(world.one, record.id, text="x"),
    ):
        with pytest.raises(UnsupportedFeature) as caught:
            await work
        assert caught.value.code == "record.elsewhere"


async def test_outside_numbers_stand_for_one_record(world, desk, record):  # PLS-09
    """Added, found in any case, and removed; a number of another record is refused."""
    numbers = OutsideNumbers(world.store, EmbeddedRecords(world.store))
    entry = await numbers.add(world.one, "incident", record.id, " ACME-4711 ", system="Acme")
    assert await numbers.add(world.one, "incident", record.id, "acme-4711") == entry
    found = await numbers.find(world.one, "Acme-4711")
    assert (found.record_type, found.record_id, found.system) == ("incident", record.id, "Acme")
    assert await numbers.find(world.two, "acme-4711") is None
    other = await desk.create(world.one, "incident", {"subject": "x"})
    with pytest.raises(ConfigurationError) as caught:
        await numbers.add(world.one, "incident", other.id, "acme-4711")
    assert caught.value.code == "record.number_taken"
    with pytest.raises(NotFound):
        await numbers.remove(world.one, "incident", other.id, entry)
    await numbers.remove(world.one, "incident", record.id, entry)
    assert await numbers.find(world.one, "acme-4711") is None


@pytest.mark.parametrize("number", ["", "12", "ticket", "a b 1", "x" * 60 + "1"])
async def test_what_no_subject_names_is_no_outside_number(world, record, number):
    """One word with a digit, neither short nor long."""
    with pytest.raises(ConfigurationError) as caught:
        await OutsideNumbers(world.store, EmbeddedRecords(world.store)).add(world.one, "incident", record.id, number)
    assert caught.value.field == "number"
