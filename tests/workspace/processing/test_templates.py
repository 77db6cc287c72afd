"""Inboxes of other business objects: lines of a template set the fields of records."""

import pytest

from mailport.errors import NotFound
from mailport.policies.templates import parse
from mailport_workspace.queries.records import RecordFilter
from mailport_workspace.tables import Outcome, StepState
from mailport_workspace.tenants.templates import Templates
from tests.workspace.processing.conftest import codes, mail

CHANGE = "Subject :: New switch\nRisk :: high\n"


@pytest.fixture
async def other(desk):
    """A desk whose inbox makes changes, for a sender whom it knows."""
    await desk.handle(processor="other", record_type="change", link_person=True)
    await desk.know()
    return desk


async def test_a_line_sets_a_field_of_the_new_record(other):  # TPL-01
    """Name, separator, value: names and labels, without regard to case."""
    verdict = await other.receive(mail(text="Hello,\nSUBJECT :: New switch\ndue :: 2026-12-31\nno field\nRisk::High\nBye"))
    fields = (await other.record(verdict.record)).fields
    assert (verdict.outcome, verdict.record.type) == (Outcome.CREATED, "change")
    assert (fields["subject"], fields["due_on"], fields["risk"]) == ("New switch", "2026-12-31", "High")


@pytest.mark.parametrize(("separator", "marker"), [("=>", "=next="), ("$", "#"), (":", "~~~~")])
async def test_separator_and_marker_are_those_of_the_inbox(other, separator, marker):  # TPL-02, TPL-05
    """Of any length; `$` and `#` work when they are set."""
    await other.handle(field_separator=separator, record_marker=marker)
    await other.receive(mail(text=f"Subject {separator} A\n{marker}\nSubject{separator}B\n"))
    assert sorted(record.title for record in await other.all_records()) == ["A", "B"]


async def test_dollar_and_hash_are_not_the_default(other):  # TPL-05
    """Without a setting they are text like any other."""
    verdict = await other.receive(mail("x", "Subject $ A\n#\nSubject $ B\n"))
    assert ([record.title for record in await other.all_records()], verdict.outcome) == (["x"], Outcome.CREATED)


async def test_one_mail_with_n_records_creates_n(other):  # TPL-03
    """Each has the mail in its history; its files are kept once."""
    text = "\n----\n".join(f"Subject :: Change {number}" for number in range(1, 6))
    verdict = await other.receive(mail(text=text))
    records = await other.all_records()
    assert sorted(record.title for record in records) == [f"Change {number}" for number in range(1, 6)]
    for record in records:
        assert other.journal in [entry.journal_id for entry in await other.history(record)]
    assert verdict.record.title == "Change 1"


async def test_a_missing_mandatory_field_prevents_that_record_only(other):  # TPL-04
    """The log names the field."""
    verdict = await other.receive(mail(text=f"Risk :: low\n----\n{CHANGE}"))
    assert [record.title for record in await other.all_records()] == ["New switch"]
    failed = [step.text for step in verdict.steps if step.state is StepState.FAILED]
    assert (len(failed), "Subject" in failed[0], "Subject" in (await other.mail()).last_error) == (1, True, True)


async def test_a_mail_whose_records_are_all_prevented_waits_for_a_person(other):  # TPL-04
    """It is not lost."""
    verdict = await other.receive(mail(text="Risk :: low\n"))
    assert (verdict.outcome, await other.all_records()) == (Outcome.QUARANTINED, [])
    assert "Subject" in verdict.quarantine[1]


@pytest.mark.parametrize("strict", [True, False])
async def test_an_html_mail_is_refused_in_compatibility_mode_only(other, strict):  # TPL-06
    """By default its text is read like any other."""
    await other.options(strict_compatibility=strict, incident_on_failure=False)
    verdict = await other.receive(mail(text="", html="<p>Subject :: From HTML</p><p>Risk :: low</p>"))
    assert verdict.outcome is (Outcome.FAILED if strict else Outcome.CREATED)
    assert [record.title for record in await other.all_records()] == ([] if strict else ["From HTML"])


async def test_a_separator_inside_a_value_does_not_cut_it(other):  # TPL-07
    """Only the first one on the line counts."""
    verdict = await other.receive(mail(text="Subject :: a :: b::c\n"))
    assert verdict.record.title == "a :: b::c"


async def test_unknown_fields_and_wrong_values_are_reported_and_stop_nothing(other):  # TPL-08
    """The other fields are set."""
    verdict = await other.receive(mail(text=f"{CHANGE}Colour :: red\nDue :: soon\n"))
    fields = (await other.record(verdict.record)).fields
    assert (fields["risk"], fields.get("due_on")) == ("High", None)
    assert {"record.unknown_field", "record.invalid"} <= set(codes(verdict))
    assert any("Colour" in step.text for step in verdict.steps)


async def test_a_template_lists_the_mandatory_fields_with_the_separators_of_the_inbox(other):  # TPL-09
    """For any type of record; it can be read back as it is."""
    await other.handle(field_separator="=>", record_marker="~~")
    templates = Templates(other.world.store, other.records)
    text = await templates.produce(other.world.one, "approval", inbox=other.inbox, records=2)
    assert text == "Subject => \nApprover => \n~~\nSubject => \nApprover => \n"
    filled = text.replace("=> ", "=> x")
    assert [[name for name, _ in record.fields] for record in parse(filled, "=>", "~~")] == [["Subject", "Approver"]] * 2
    with pytest.raises(NotFound):
        await templates.produce(other.world.one, "nothing")


async def test_there_is_a_ready_template_for_incident(other):  # TPL-10
    """A tenant may write its own text in place of any."""
    templates = Templates(other.world.store, other.records)
    assert await templates.produce(other.world.one, "incident") == "Subject :: \nDescription :: \n"
    await other.tab("templates", "Incident", "Subject :: \nWhere :: \n")
    assert await templates.produce(other.world.one, "incident") == "Subject :: \nWhere :: \n"


async def test_a_mail_without_a_template_makes_a_record_of_subject_and_text(other):  # MAT-07
    """The inbox has its type for that."""
    record = await other.record((await other.receive(mail(text="Just text"))).record)
    assert (record.type, record.title, record.fields["description"].strip()) == ("change", "Printer is broken", "Just text")


async def test_lines_change_the_record_that_the_unique_key_names(other):  # MAT-06
    """In the subject or in the body."""
    await other.handle(unique_key="category")
    await other.tab("object_names", "Change", "change")
    made = (await other.receive(mail(text=f"{CHANGE}Category :: NET-1\n"))).record
    by_body = await other.receive(mail(text="Category :: NET-1\nRisk :: low\n", message_id="<2@example.org>"))
    assert (by_body.outcome, (await other.record(made)).fields["risk"]) == (Outcome.UPDATED, "Low")
    by_subject = await other.receive(mail("Change NET-1", "Risk :: medium\n", message_id="<3@example.org>"))
    assert (by_subject.outcome, (await other.record(made)).fields["risk"]) == (Outcome.UPDATED, "Medium")
    assert len(await other.all_records()) == 1


async def test_a_mail_of_a_thousand_records_makes_a_hundred(other):
    """The journal says how many were left out."""
    verdict = await other.receive(mail(text="----\n".join(f"Subject :: {number}\n" for number in range(1000))))
    async with other.world.store.read(other.tenant) as rows:
        assert len(await rows.records(RecordFilter(type="change"), limit=1000)) == 100
    assert "100 of 1000" in verdict.last_error
