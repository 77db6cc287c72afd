"""Mail that makes incidents and problems."""

from mailport_workspace.tables import Outcome
from tests.workspace.processing.conftest import mail


async def test_a_mail_creates_one_incident_with_the_mail_attached(desk):  # INB-08
    """Its subject and text are those of the mail, and the mail stands in its history."""
    await desk.know()
    verdict = await desk.receive(mail())
    (record,) = await desk.all_records()
    assert (verdict.outcome, record.type, record.number) == (Outcome.CREATED, "incident", verdict.record.number)
    assert record.fields["subject"] == "Printer is broken"
    assert record.fields["description"].strip() == "It smokes."
    entries = await desk.history(record)
    assert [entry.journal_id for entry in entries if entry.kind == "mail_in"] == [desk.journal]
