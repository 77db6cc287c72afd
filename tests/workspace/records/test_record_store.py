"""The contract of record stores: the embedded one and one in another system keep it alike."""

import base64
import hashlib
from types import SimpleNamespace

import pytest

from mailport import Attachment
from mailport.errors import ConfigurationError, MailportError
from mailport_workspace.records.chosen import ChosenRecords, RecordStoreKeys
from mailport_workspace.records.embedded import EmbeddedRecords
from mailport_workspace.records.interface import AttachedMail, RecordRef
from mailport_workspace.records.webhook import WebhookRecords
from mailport_workspace.tables import ActivityKind, RawMessage, Tab, TabRow, now
from mailport_workspace.tenants.options import Options
from tests.peers.record_system import RecordSystem

ORIGINAL = b"Subject: Printer\r\n\r\nIt burns.\r\n"


@pytest.fixture
def system():
    """A ticket system of tenant one."""
    with RecordSystem() as running:
        yield running


@pytest.fixture
def embedded_history(world):
    async def history(record):
        async with world.store.read(world.one.tenant) as rows:
            files = await rows.record_attachments(record.id)
            entries = [entry for entry in await rows.activities(record.id) if entry.journal_id]
            return [(entry.journal_id, entry.text, [await _content(rows, file) for file in files]) for entry in entries]

    return history


async def _content(rows, file):
    stored = await rows.record_attachment(file.id)
    return stored.filename, stored.content or (await rows.raw_message(stored.raw_id)).content


@pytest.fixture
def system_history(system):
    async def history(record):
        return [(mail["journal_id"], mail["text"], list(_files(mail))) for mail in system.kept.history[record.id]]

    return history


def _files(mail):
    yield from ((file["filename"], base64.b64decode(file["content"])) for file in mail["attachments"])
    if mail["original"] is not None:
        yield f"{mail['subject']}.eml", base64.b64decode(mail["original"])


@pytest.fixture(params=["embedded", "webhook"])
async def place(request, world, web, system):
    """A tenant with its record store, chosen by its option; `history` tells which mails a record has."""
    if request.param == "webhook":
        system.key = await RecordStoreKeys(world.store, world.ring).renew(world.one)
        await Options(world.store).save(world.one, {"record_store": "webhook", "record_store_url": system.url})
    records = ChosenRecords(world.store, EmbeddedRecords(world.store), WebhookRecords(world.store, world.ring, web))
    history = request.getfixturevalue("embedded_history" if request.param == "embedded" else "system_history")
    return SimpleNamespace(records=records, tenant=world.one.tenant, history=history, store=world.store)


async def nothing_more(_rows):
    """Settle."""


@pytest.fixture
def do(place):
    """Carry out one call of a record work, settled."""

    async def carried_out(name, *arguments, **options):
        async with place.records.work(place.tenant) as work:
            answer = await getattr(work, name)(*arguments, **options)
            await work.settle(nothing_more)
        return answer

    return carried_out


@pytest.fixture
async def made(do):
    """An incident."""
    return await do("create", "incident", {"subject": "Printer", "category": "Höhe"}, key="k")


def mail(**more):
    usual = {"journal_id": "j1", "kind": ActivityKind.MAIL_IN, "sender": "ann@example.test", "subject": "Printer"}
    return AttachedMail(**(usual | {"text": "It burns.", "at": now()} | more))


async def test_the_types_say_what_mail_may_make(do):
    """Fields in order with labels, what must have a value, and which states are an end."""
    kind = (await do("kinds"))["incident"]
    assert kind.fields[:2] == ("subject", "description")
    assert kind.labels["subject"] == "Subject"
    assert (kind.mandatory, kind.final_states, kind.creatable, kind.title_field) == (("subject",), ("closed",), True, "subject")


async def test_what_was_made_is_found_by_id_number_and_field(do, made):
    """Numbers and texts are compared without regard to case, in every language."""
    assert await do("get", "incident", made.id) == made
    for by, value in (
        ("number", made.number.lower()),
        ("number", f" {made.number} "),
        ("category", "HÖHE"),
        ("subject", "printer"),
    ):
        assert await do("find", "incident", value, by=by) == made
    for kind, value, by in (
        ("incident", "x" + made.number, "number"),
        ("problem", made.number, "number"),
        ("incident", "%", "subject"),
    ):
        assert await do("find", kind, value, by=by) is None
    assert await do("get", "problem", made.id) is None
    assert await do("get", "incident", "nothing") is None


async def test_a_new_record_is_in_no_final_state_and_has_its_title(made):
    """Its title is the field that titles it."""
    assert (made.title, made.state, made.is_final, made.fields["subject"]) == ("Printer", "new", False, "Printer")


async def test_the_title_fills_the_field_that_titles(do):
    """Unless the field is given."""
    assert (await do("create", "incident", {}, key="a", title="Given")).fields["subject"] == "Given"
    assert (await do("create", "incident", {"subject": "Own"}, key="b", title="Given")).title == "Own"


async def test_the_same_key_makes_no_second_record(do, made):
    """Work that is done again finds what it made, whatever it wants now."""
    assert await do("create", "incident", {"subject": "Another"}, key="k") == made
    assert await do("create", "incident", {"subject": "Another"}, key="other") != made


@pytest.mark.parametrize(
    ("kind", "fields", "problems"),
    [
        ("incident", {}, {("subject", "record.missing")}),
        ("incident", {"subject": " "}, {("subject", "record.missing")}),
        ("incident", {"colour": "red"}, {("subject", "record.missing"), ("colour", "record.unknown_field")}),
    ],
)
async def test_what_prevents_a_record_is_named_field_by_field(do, kind, fields, problems):
    """Missing and unknown fields are told at once, and nothing is made."""
    with pytest.raises(ConfigurationError) as caught:
        await do("create", kind, fields, key="k")
    assert {(problem.field, problem.code) for problem in caught.value.problems} == problems


async def test_a_type_that_is_not_there_is_refused(do):
    """At the field `type`."""
    with pytest.raises(ConfigurationError) as caught:
        await do("create", "spaceship", {"subject": "x"}, key="k")
    assert (caught.value.field, caught.value.code) == ("type", "record.unknown_type")


async def test_a_change_keeps_what_it_does_not_name(do, made):
    """Fields and state change together; the state is spelt in any case."""
    changed = await do("update", made, {"description": "Smoke"}, key="u", state="Closed", reason="gone", author="Ann")
    assert (changed.state, changed.is_final) == ("closed", True)
    assert changed.fields["description"] == "Smoke"
    assert changed.fields["subject"] == "Printer"
    assert await do("get", "incident", made.id) == changed


async def test_the_same_key_changes_once(do, made):
    """Work that is done again does not undo what was changed after it."""
    await do("update", made, {"category": "one"}, key="first")
    await do("update", made, {"category": "two"}, key="second")
    await do("update", made, {"category": "one"}, key="first")
    assert (await do("get", "incident", made.id)).fields["category"] == "two"


async def test_an_unknown_state_or_record_is_refused(do, made):
    """And changes nothing."""
    with pytest.raises(ConfigurationError) as caught:
        await do("update", made, {"category": "x"}, key="u", state="sleeping")
    assert caught.value.field == "state"
    with pytest.raises(MailportError):
        await do("update", RecordRef(type="incident", id="none", number="none"), {}, key="u", state="closed")
    assert await do("get", "incident", made.id) == made


async def test_a_mail_comes_into_the_history_once(do, made, place):
    """With its files, and without an original that the tenant does not keep (CMP-08)."""
    file = Attachment(filename="a.png", content=b"\x89PNG", content_type="image/png")
    for _ in range(2):
        await do("attach", made, mail(attachments=(file,)))
    assert await place.history(made) == [("j1", "It burns.", [("a.png", b"\x89PNG")])]


async def test_the_complete_original_is_kept_byte_for_byte(do, made, place):
    """As a file named after the subject (CMP-07)."""
    raw = RawMessage(content=ORIGINAL, size=len(ORIGINAL), sha256=hashlib.sha256(ORIGINAL).hexdigest())
    async with place.store.write(place.tenant) as rows:
        await rows.add(raw)
    await do("attach", made, mail(raw_id=raw.id))
    assert await place.history(made) == [("j1", "It burns.", [("Printer.eml", ORIGINAL)])]


async def test_a_person_is_made_once_and_inactive(do):
    """Found by the address in any case; a second wish returns who is there (INB-11)."""
    assert await do("person", "ann@example.test") is None
    ann = await do("create_person", "Ann@Example.test", "Ann")
    assert (ann.email, ann.active) == ("ann@example.test", False)
    assert await do("create_person", "ann@example.test", "Somebody") == ann
    assert await do("person", "ANN@example.test") == ann


async def test_a_record_is_linked_to_its_person(do):
    """From the beginning."""
    ann = await do("create_person", "ann@example.test", "Ann")
    made = await do("create", "incident", {"subject": "Printer"}, key="k", person=ann.id)
    assert (await do("get", "incident", made.id)).person == ann.id


async def test_settling_writes_what_the_caller_adds(place):
    """In a transaction that is committed, or undone when the caller fails."""
    async with place.records.work(place.tenant) as work:
        await work.settle(lambda rows: rows.add(TabRow(tab=Tab.SENDERS, word="kept")))
    with pytest.raises(ZeroDivisionError):
        async with place.records.work(place.tenant) as work:
            await work.settle(_add_and_fail)
    async with place.store.read(place.tenant) as rows:
        assert [row.word for row in await rows.tab(Tab.SENDERS)] == ["kept"]


async def _add_and_fail(rows):
    await rows.add(TabRow(tab=Tab.SENDERS, word="lost"))
    raise ZeroDivisionError
