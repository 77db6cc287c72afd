"""What a person may do with an outgoing mail."""

from datetime import timedelta

import pytest

from mailport.errors import ConfigurationError, NotFound
from mailport_workspace.outbox.states import FROM, Action
from mailport_workspace.tables import OutboxState


async def put(desk, submitted, state):
    """Leave a mail in a state."""
    async with desk.world.store.write(desk.actor.tenant) as rows:
        (await rows.outbox_entry(submitted.outbox_id, for_update=True)).state = state


def decide(desk, action, submitted):
    return getattr(desk.outbox, action)(desk.actor, submitted.outbox_id)


@pytest.mark.parametrize("action", Action)
async def test_an_action_is_possible_in_its_states_only(office, action):
    """Each action is allowed where the table says so, and refused everywhere else with the states where it is."""
    for state in OutboxState:
        submitted = await office.submit()
        await put(office, submitted, state)
        if state in FROM[action] - {OutboxState.PARTLY_REFUSED}:
            await decide(office, action, submitted)
            continue
        with pytest.raises(ConfigurationError) as refused:
            await decide(office, action, submitted)
        assert refused.value.code == "store.state"
        assert await office.state(submitted) == state


async def test_any_stored_mail_can_be_resent(office, mail):  # SND-24
    """Resend tries again whatever became of the mail, one that was sent too, and counts as an attempt."""
    sent = await office.submit()
    mail.refused.add("eve@example.test")
    refused = await office.submit(to="eve@example.test")
    await office.drain()
    mail.refused.clear()
    for one in (sent, refused):
        await office.outbox.resend(office.actor, one.outbox_id)
    await office.drain()
    assert [entry.state for one in (sent, refused) for entry in await office.entries(one)] == [OutboxState.SENT] * 3
    assert [(await office.journal(one)).attempts for one in (sent, refused)] == [2, 2]
    assert [attempt.number for attempt, _ in await office.attempts(refused)] == [1, 2]


async def test_a_partly_refused_mail_is_resent_to_the_refused(office, mail):
    """Who has the mail does not get it again."""
    mail.refused.add("no@example.test")
    submitted = await office.submit(to="yes@example.test, no@example.test")
    await office.drain()
    mail.refused.clear()
    await office.outbox.resend(office.actor, submitted.outbox_id)
    await office.drain()
    assert await office.state(submitted) == "sent"
    assert [one.envelope_to for one in mail.accepted] == [("yes@example.test",), ("no@example.test",)]


async def test_a_held_mail_waits_for_its_release(office, mail, clock):
    """Held from the beginning or later, a mail leaves when it is released, and not before it is due."""
    due = clock() + timedelta(hours=1)
    first, second = await office.submit(hold=True), await office.submit(due_at=due)
    await office.outbox.hold(office.actor, second.outbox_id)
    clock.forward(minutes=1)
    await office.drain()
    assert [await office.state(one) for one in (first, second)] == ["held", "held"]
    for one in (first, second):
        await office.outbox.release(office.actor, one.outbox_id)
    await office.drain()
    assert [await office.state(one) for one in (first, second)] == ["sent", "queued"]


async def test_a_cancelled_mail_never_leaves(office, mail):
    """Cancelled before it was sent, a mail stays here."""
    submitted = await office.submit()
    await office.outbox.cancel(office.actor, submitted.outbox_id)
    await office.drain()
    assert (await office.state(submitted), mail.accepted) == ("cancelled", [])


async def test_a_person_marks_a_held_mail_as_sent(office, mail):
    """Who knows that an uncertain mail arrived says so, and it stands in history and audit."""
    submitted = await office.submit(hold=True)
    await office.outbox.mark_sent(office.actor, submitted.outbox_id)
    journal = await office.journal(submitted)
    assert (await office.state(submitted), journal.sent, journal.sent_at is None) == ("sent", True, False)
    async with office.world.store.read(office.actor.tenant) as rows:
        assert [step.step for step in await rows.steps(submitted.journal_id)] == ["mark_sent"]
        assert any(entry.subject == f"mail {submitted.journal_id}" for entry in await rows.audit())
    await office.drain()
    assert mail.accepted == []


async def test_a_mail_of_another_tenant_does_not_exist(office, world):
    """Nobody acts on the mail of another tenant."""
    submitted = await office.submit()
    with pytest.raises(NotFound):
        await office.outbox.cancel(world.two, submitted.outbox_id)
    assert await office.state(submitted) == "queued"
