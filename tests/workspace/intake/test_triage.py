"""Mail that waits for a person, with the real processing: what people can do with it."""

import pytest

from mailport.errors import NotFound
from mailport_workspace.processing.process import Processing
from mailport_workspace.queries.records import RecordFilter
from mailport_workspace.records.embedded import EmbeddedRecords
from tests.workspace.intake.conftest import mail


@pytest.fixture
async def desk(post):
    """A post office whose inbox makes nothing of mail from strangers."""
    processing = Processing(post.store, post.mailport, post.world.ring, EmbeddedRecords(post.store))
    post.intake, post.poller = post.worker(clerk=processing)
    await post.inbox()
    post.box().add(mail("Printer"))
    await post.poll()
    return post


async def _records(desk):
    async with desk.store.read(desk.tenant) as rows:
        return [record.title for record in await rows.records(RecordFilter())]


async def test_a_mail_without_a_record_is_listed_and_becomes_one(desk):  # PLS-06
    """A user creates a record from it; the list is empty then, and shows the decision among the decided."""
    ((held, journal),) = await desk.quarantine.list(desk.actor)
    assert (await _records(desk), journal.subject, bool(held.reason)) == ([], "Printer", True)
    await desk.quarantine.create_record(desk.actor, journal.id)
    await desk.work()
    assert (await _records(desk), await desk.quarantine.list(desk.actor)) == (["Printer"], [])
    ((decided, after),) = await desk.quarantine.list(desk.actor, decided=True)
    assert (decided.decision, after.outcome, desk.engine.asked) == ("created", "created", [("intake", desk.tenant)])


async def test_a_mail_marked_as_spam_ends_and_its_sender_is_ignored(desk):  # PLS-06
    """The next mail of that sender is ignored, and who said so stands in the audit."""
    ((_, journal),) = await desk.quarantine.list(desk.actor)
    await desk.quarantine.mark_spam(desk.actor, journal.id)
    desk.box().add(mail("Cheap watches"))
    desk.clock.forward(seconds=60)
    await desk.poll()
    assert ((await desk.outcomes()), await _records(desk)) == (["ignored", "ignored"], [])
    async with desk.store.read(desk.tenant) as rows:
        (entry,) = [each for each in await rows.audit() if each.subject == "senders"]
    assert (entry.field, entry.new, entry.user_name) == ("ann@customer.example.org", "deny", "operator")


async def test_a_mail_is_deleted_from_the_quarantine(desk):
    """Its history stays."""
    ((_, journal),) = await desk.quarantine.list(desk.actor)
    await desk.quarantine.delete(desk.actor, journal.id)
    assert (await desk.quarantine.list(desk.actor), await desk.outcomes()) == ([], ["deleted"])


async def test_nobody_decides_about_the_mail_of_others(desk):
    """For another tenant the mail is not there."""
    ((_, journal),) = await desk.quarantine.list(desk.actor)
    with pytest.raises(NotFound):
        await desk.quarantine.release(desk.world.two, journal.id)
    assert await desk.quarantine.list(desk.world.two) == []
