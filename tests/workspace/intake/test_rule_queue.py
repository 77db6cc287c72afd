"""A rule that sends mail to another queue: it is seen there, worked off as that queue is, and started again there."""

import pytest

from mailport_workspace.processing.process import Processing
from mailport_workspace.queries.records import RecordFilter
from mailport_workspace.records.embedded import EmbeddedRecords
from mailport_workspace.tables import Person
from mailport_workspace.tenants.incoming_rules import IncomingRules
from tests.workspace.intake.conftest import mail

NIGHT = {"do": "queue", "queue": "night", "fields": {"priority": "low"}}
INVOICES = [{"on": "subject", "value": "invoice"}]


class Failing(Processing):
    """The real processing, which does not get far while `is_down`."""

    is_down = False

    async def process(self, received, settle):
        if self.is_down:
            raise RuntimeError("nobody can process this")
        await super().process(received, settle)


@pytest.fixture
async def office(post, mailport, ring):
    """A post office with the real processing; a rule sends invoices of known people to the queue `night`."""
    post.processing = Failing(post.store, mailport, ring, EmbeddedRecords(post.store))
    post.intake, post.poller = post.worker(clerk=post.processing)
    async with post.store.write(post.tenant) as rows:
        await rows.add(Person(email="ann@customer.example.org", name="Ann", active=True))
    await post.inbox()
    await IncomingRules(post.store).add(post.actor, {"name": "by night", "conditions": INVOICES, "action": NIGHT})
    return post


async def _priorities(office):
    async with office.store.read(office.tenant) as rows:
        return {row.title: row.fields["priority"] for row in await rows.records(RecordFilter())}


async def _held(office, queue="night"):
    counts = {settings.queue: states for settings, states in await office.queues.list(office.actor)}
    return {str(state): count for state, count in counts.get(queue, {}).items()}


async def test_a_rule_sends_mail_to_a_queue_that_is_worked_off_as_it_says(office):  # PLS-04
    """An inactive queue keeps the mail, visible and in its mailbox; once it is active the mail becomes what the rule says."""
    await office.queues.save(office.actor, {"queue": "night", "active": False})
    for subject in ("Invoice 12", "Printer"):
        office.box().add(mail(subject))
    await office.poll()
    await office.work()
    assert (await _priorities(office), await _held(office)) == ({"Printer": "Medium"}, {"queued": 1})
    assert (office.subjects(), office.subjects("Archive")) == (["Invoice 12"], ["Printer"])
    (waiting,) = await office.queues.mails(office.actor, queue="night")
    assert (waiting.journal.subject, waiting.journal.outcome, waiting.entry.attempts) == ("Invoice 12", "received", 0)
    assert "rule.queue" in [step.code for step in await office.steps(waiting.journal.id)]
    await office.queues.save(office.actor, {"queue": "night", "active": True})
    await office.work()
    assert (await _priorities(office), await _held(office)) == ({"Printer": "Medium", "Invoice 12": "Low"}, {"done": 1})


async def test_mail_that_a_rule_moved_has_the_attempts_of_its_queue_and_is_started_again_there(office):  # QUE-03, QUE-04
    """It is parked in that queue; what a person moves to a third one is not sent back by the rule."""
    await office.queues.save(office.actor, {"queue": "night", "attempts": 1})
    office.box().add(mail("Invoice 12"))
    await office.poll()
    office.processing.is_down = True
    await office.work()
    parked = await office.queues.mails(office.actor, queue="night")
    assert [str(one.entry.state) for one in parked] == ["parked"]
    office.processing.is_down = False
    await office.queues.move(office.actor, [parked[0].journal.id], "third")
    assert await office.queues.start(office.actor, "third") == 1
    await office.work()
    assert (await _held(office, "third"), await _held(office)) == ({"done": 1}, {})
    assert (await _priorities(office))["Invoice 12"] == "Low"


async def test_another_attempt_at_the_first_queue_moves_the_mail_once(office):  # QUE-02
    """A failure before the move was committed leaves the mail where it was."""
    office.processing.is_down = True
    office.box().add(mail("Invoice 12"))
    await office.poll()
    assert await _held(office, "incoming") == {"queued": 1}
    office.processing.is_down = False
    office.clock.forward(seconds=200)
    await office.work()
    await office.work()
    assert (await _held(office, "incoming"), await _held(office)) == ({}, {"done": 1})
