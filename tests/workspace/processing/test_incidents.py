"""Mail that makes incidents and problems, and what a record keeps of it."""

import asyncio

import pytest

from mailport import Attachment
from mailport_workspace.tables import Outcome, RecordType, StepState
from tests.workspace.forms import imap
from tests.workspace.processing.conftest import ANN, codes, mail

FILE = Attachment(filename="log.txt", content=b"line\n", content_type="text/plain")


async def test_a_mail_creates_one_incident_with_the_mail_attached(desk):  # INB-08
    """Its subject and text are those of the mail, and the mail stands in its history with its files."""
    await desk.know()
    verdict = await desk.receive(mail(attachments=[FILE]))
    (record,) = await desk.all_records()
    assert (verdict.outcome, record.type, record.number) == (Outcome.CREATED, "incident", verdict.record.number)
    assert record.fields["subject"] == "Printer is broken"
    assert record.fields["description"].strip() == "It smokes."
    entries = await desk.history(record)
    assert [entry.journal_id for entry in entries if entry.kind == "mail_in"] == [desk.journal]
    assert [file.filename for file in await desk.files(record)] == ["log.txt"]


async def test_a_problem_inbox_makes_problems(desk):
    """The processor decides the type."""
    await desk.handle(processor="problem")
    await desk.know()
    assert (await desk.receive(mail())).record.type == "problem"


async def test_a_fresh_tenants_inbox_creates_incidents(desk):  # CFG-02
    """The one inbox that a tenant starts with makes an incident of a mail, as soon as it is read."""
    first = next(one for one in await desk.world.inboxes.list(desk.world.one) if one["name"] == "Incidents")
    await desk.know()
    verdict = await desk.receive(mail(), inbox=first["id"])
    assert (verdict.outcome, verdict.record.type) == (Outcome.CREATED, "incident")


async def test_the_mail_is_in_the_history_of_record_and_person(desk):  # INB-09
    """Whoever looks at either finds it."""
    person = await desk.know()
    verdict = await desk.receive(mail())
    async with desk.world.store.read(desk.tenant) as rows:
        of_person = await rows.activities_of_person(person)
    assert [(entry.record_id, entry.journal_id) for entry in of_person if entry.kind == "mail_in"] == [
        (verdict.record.id, desk.journal)
    ]
    assert (await desk.mail()).person_id == person


@pytest.mark.parametrize("keeps", [True, False])
async def test_the_original_is_kept_where_the_tenant_wants_it(desk, keeps):  # CMP-07, CMP-08
    """Byte for byte as an .EML file of the record, or not at all."""
    await desk.world.configurations.save(desk.world.one, {"keep_full_incoming_message": keeps})
    await desk.know()
    raw = b"From: ann@customer.example.org\r\nSUBJECT:\tOdd  spaces \r\nMessage-ID: <odd@example.org>\r\n\r\n a \r\n.\r\n"
    verdict = await desk.receive(raw)
    files = await desk.files(verdict.record)
    async with desk.world.store.read(desk.tenant) as rows:
        originals = [(await rows.raw_message(file.raw_id)).content for file in files if file.raw_id]
    assert originals == ([raw] if keeps else [])
    assert [file.filename.endswith(".eml") for file in files] == ([True] if keeps else [])


async def test_the_stored_text_ends_before_the_truncation_text(desk):  # TAB-05
    """Record and journal keep what stands before; the complete original still has all of it."""
    await desk.tab("truncate_body", "-- Original message --")
    await desk.world.configurations.save(desk.world.one, {"keep_full_incoming_message": True})
    await desk.know()
    verdict = await desk.receive(mail(text="New.\n\n-- Original  message --\nold text"))
    record = await desk.record(verdict.record)
    assert (record.fields["description"], (await desk.mail()).body_text) == ("New.", "New.")
    (original,) = await desk.files(verdict.record)
    async with desk.world.store.read(desk.tenant) as rows:
        assert b"old text" in (await rows.raw_message(original.raw_id)).content


@pytest.mark.parametrize("strict", [True, False])
async def test_plain_text_above_the_limit_is_replaced_by_a_notice(desk, strict):  # INB-25
    """What is above it, or in strict compatibility all of it; the bytes of the mail stay."""
    await desk.options(max_body_text=1000, strict_compatibility=strict)
    await desk.know()
    verdict = await desk.receive(mail(text="begin " + "x" * 2000))
    text = (await desk.record(verdict.record)).fields["description"]
    assert ("longer than 1000 characters" in text, "begin" in text, len(text) < 1200) == (True, not strict, True)
    async with desk.world.store.read(desk.tenant) as rows:
        assert b"x" * 500 in (await rows.raw_message((await desk.mail()).raw_id)).content.replace(b"=\r\n", b"")


async def test_html_and_images_do_not_count_as_text(desk):  # INB-25
    """A short text stays, however long its HTML and its images are."""
    await desk.options(max_body_text=1000)
    await desk.know()
    image = Attachment(filename="big.png", content=bytes(5000), content_type="image/png", content_id="big@x", inline=True)
    verdict = await desk.receive(mail(text="Short.", html=f"<p>{'y' * 5000}</p>", attachments=[image]))
    assert (await desk.record(verdict.record)).fields["description"] == "Short."


async def test_the_inbox_says_which_fields_get_subject_and_text(desk):  # PLS-05
    """A field without a mapping that fits gets nothing; the title is the subject all the same."""
    await desk.handle(subject_field="Category", body_field="reason")
    await desk.know()
    record = await desk.record((await desk.receive(mail())).record)
    assert (record.fields["category"], record.fields["reason"].strip()) == ("Printer is broken", "It smokes.")
    assert (record.title, record.fields.get("description")) == ("Printer is broken", None)


async def test_the_same_mail_to_two_inboxes_makes_one_record(desk):
    """Same Message-ID and same content: the copy is linked to the record of the first."""
    other = await desk.world.inboxes.create(desk.world.one, imap(name="Sales", user_name="sales@example.test", enabled=True))
    await desk.know()
    one = mail().to_bytes()
    first, copy = await desk.receive(one), await desk.receive(one, inbox=other)
    assert (copy.outcome, copy.record.id) == (Outcome.DUPLICATE, first.record.id)
    assert len(await desk.all_records()) == 1


async def test_another_mail_that_reuses_a_message_id_is_not_swallowed(desk):
    """A broken program writes the same id again; a step says that it happened."""
    await desk.know()
    await desk.receive(mail("One", "First.", message_id="<same@example.org>"))
    verdict = await desk.receive(mail("Two", "Second.", message_id="<same@example.org>"))
    assert (verdict.outcome, "mail.reused_id" in codes(verdict)) == (Outcome.CREATED, True)
    assert len(await desk.all_records()) == 2


async def test_the_same_staged_mail_makes_nothing_twice(desk):
    """Processing that begins again, after a crash behind the commit, finds its record."""
    await desk.know()
    received = await desk.stage(mail(attachments=[FILE]).to_bytes())
    for _ in range(2):
        await desk.processing.process(received, desk.settle(received))
    (record,) = await desk.all_records()
    assert len([entry for entry in await desk.history(record) if entry.kind == "mail_in"]) == 1
    assert len(await desk.files(record)) == 1


async def test_mails_that_are_processed_at_the_same_moment_have_a_record_each(desk):
    """They wait for one another's numbers."""
    await desk.know()
    staged = [await desk.stage(mail(f"Mail {number}").to_bytes()) for number in range(8)]
    await asyncio.gather(*(desk.processing.process(one, desk.settle(one)) for one in staged))
    assert len({verdict.record.number for verdict in desk.verdicts}) == len(await desk.all_records()) == 8


async def test_nothing_is_kept_of_a_mail_whose_verdict_cannot_be_written(desk):
    """The record is made in the transaction of the verdict: a lost lease undoes both."""

    async def lost(_rows, _verdict):
        raise RuntimeError("the lease was lost")

    await desk.know()
    received = await desk.stage(mail().to_bytes())
    with pytest.raises(RuntimeError):
        await desk.processing.process(received, lost)
    assert await desk.all_records() == []


async def test_a_subject_that_is_longer_than_a_title_is_cut(desk):
    """Also where the mail has none at all."""
    await desk.know()
    long = await desk.record((await desk.receive(mail("x" * 3000))).record)
    none = await desk.record((await desk.receive(mail("", message_id="<none@example.org>"))).record)
    assert (long.title, none.title) == ("x" * 1000, "(no subject)")


async def test_a_failed_mail_leads_to_an_incident_linked_to_it(desk):  # INB-21
    """Its text is not that of a foreign error, which may hold anything; it can be switched off."""
    verdict = await desk.fail(mail("Poison"), RuntimeError("secret words of the mail"))
    incident = await desk.record(verdict.record)
    assert (verdict.outcome, incident.type, verdict.mailbox) == (Outcome.FAILED, "incident", "failure")
    assert "Poison" in incident.title
    assert "secret" not in incident.fields["description"]
    assert (await desk.mail()).record_id == incident.id
    assert [entry.journal_id for entry in await desk.history(incident) if entry.kind == "mail_in"] == [desk.journal]
    await desk.options(incident_on_failure=False)
    assert (await desk.fail(mail("Again", message_id="<again@example.org>"), RuntimeError())).record is None
    assert len(await desk.all_records()) == 1


async def test_a_failed_mail_ends_also_where_no_incident_can_be_made(desk):
    """Here every incident needs a field that nobody fills in."""
    field = {"name": "site", "label": "Site", "mandatory": True}
    async with desk.world.store.write(desk.tenant) as rows:
        await rows.add(RecordType(name="incident", definition={"fields": [field]}))
    verdict = await desk.fail(mail(), RuntimeError())
    assert (verdict.outcome, verdict.record) == (Outcome.FAILED, None)


async def test_every_mail_that_is_not_processed_says_where_and_why(desk):  # LOG-01
    """The journal has inbox, Message-ID, step and cause."""
    await desk.receive(mail(message_id="<lost@example.org>"))
    entry = await desk.mail()
    async with desk.world.store.read(desk.tenant) as rows:
        step = next(one for one in await rows.steps(entry.id) if one.state is StepState.SKIPPED and one.step == "person")
    assert (entry.inbox_name, entry.message_id, step.code) == ("Desk", "<lost@example.org>", "person.unknown_sender")
    assert ANN in step.text
