"""The queues: attempts, parking, settings, and what people do with the mail in them."""

import asyncio
import logging

import pytest

from mailport.errors import ConfigurationError
from mailport_workspace.intake.verdict import Mailbox, Verdict
from mailport_workspace.tables import Outcome
from tests.workspace.forms import administrator, agent
from tests.workspace.intake.conftest import mail


async def _fail(_received):
    raise RuntimeError("nobody can process this")


async def _failed_for_good(post, *subjects):
    """Let mails fail until they are parked."""
    await post.inbox()
    for subject in subjects:
        post.clerk.does[subject] = _fail
        post.box().add(mail(subject))
    await post.poll()
    for _ in range(3):
        post.clock.forward(seconds=200)
        await post.work()


async def test_a_message_is_stored_before_it_is_processed(post):  # QUE-01
    """When processing is given a mail, its bytes, history and place in the queue are committed."""
    await post.inbox()
    raw = mail("Printer")
    post.box().add(raw)
    found = []

    async def look(received):
        async with post.store.read(post.tenant) as rows:
            stored = await rows.raw_message(received.raw_id)
            found.append((bytes(stored.content), (await rows.intake_entry(received.journal_id)).state))

    post.clerk.does["Printer"] = look
    await post.poll()
    assert found == [(raw, "claimed")]


async def test_a_failure_puts_one_message_back_and_touches_no_other(post):  # QUE-02
    """The one waits for its next attempt, those beside it are processed in the same poll."""
    await post.inbox()
    post.clerk.does["Bad"] = _fail
    for subject in ("Good", "Bad", "Better"):
        post.box().add(mail(subject))
    await post.poll()
    entries = await post.entries()
    assert {subject: str(entry.state) for subject, entry in entries.items()} == {
        "Good": "done",
        "Bad": "queued",
        "Better": "done",
    }
    assert (entries["Bad"].attempts, entries["Bad"].due_at > post.clock()) == (1, True)
    assert (post.subjects(), post.subjects("Archive")) == (["Bad"], ["Good", "Better"])


async def test_after_the_last_attempt_a_message_is_parked_and_the_error_logged(post, caplog):  # QUE-05
    """It is neither tried any more nor dropped: bytes and history stay, and a person finds it in quarantine."""
    await post.listen()
    await _failed_for_good(post, "Bad")
    entry, journal = (await post.entries())["Bad"], (await post.journal())["Bad"]
    assert (entry.state, entry.attempts, journal.outcome) == ("parked", 3, Outcome.FAILED)
    assert (post.clerk.failures, len(post.clerk.seen)) == (["mail.broken"], 3)
    assert any(record.levelno == logging.ERROR and "parked" in record.message for record in caplog.records)
    ((held, _),) = await post.quarantine.list(post.actor)
    assert (held.journal_id, held.code, await post.told()) == (journal.id, "mail.broken", ["mail.quarantined"])


async def test_every_failed_mail_says_where_when_and_why(post):  # LOG-01
    """Its history names the inbox, the Message-ID, the step and the cause of every attempt."""
    await _failed_for_good(post, "Bad")
    journal = (await post.journal())["Bad"]
    assert (journal.inbox_name, journal.message_id.endswith("@customer.example.org>")) == ("desk@example.test", True)
    failed = [(step.step, step.code) for step in await post.steps(journal.id) if step.state == "failed"]
    assert failed == [("process", "mail.broken")] * 3


async def test_one_message_can_be_deleted(post):  # QUE-03
    """It leaves the queue, the others stay, and the history says who did it."""
    await _failed_for_good(post, "Bad", "Worse")
    journal = (await post.journal())["Bad"]
    await post.queues.delete(post.actor, journal.id)
    states = {subject: str(entry.state) for subject, entry in (await post.entries()).items()}
    assert (states, (await post.journal())["Bad"].outcome) == ({"Bad": "done", "Worse": "parked"}, Outcome.DELETED)
    assert (await post.steps(journal.id))[-1].text == "operator decided that."


async def test_failed_messages_can_be_moved_and_started_again(post):  # QUE-03
    """In another queue they wait until somebody starts them there; then they have all their attempts again."""
    await _failed_for_good(post, "Bad", "Worse")
    journal = (await post.journal())["Bad"]
    await post.queues.move(post.actor, [journal.id], "repaired")
    post.clerk.does.clear()
    await post.work()
    assert (await post.journal())["Bad"].outcome == Outcome.FAILED
    assert await post.queues.start(post.actor, "repaired") == 1
    await post.work()
    outcomes = {subject: str(entry.outcome) for subject, entry in (await post.journal()).items()}
    assert (outcomes, post.engine.asked[-1]) == ({"Bad": "created", "Worse": "failed"}, ("intake", post.tenant))


async def test_a_queue_that_is_not_active_keeps_its_mail(post):  # QUE-04
    """Mail is stored and waits; once the queue is active again it is processed."""
    await post.queues.save(post.actor, {"queue": "incoming", "active": False})
    await post.inbox()
    post.box().add(mail("Printer"))
    await post.poll()
    post.clock.forward(seconds=100)
    async with post.store.survey() as rows:
        assert await rows.due_intake(post.clock(), lost_before=post.clock()) == []
    await post.queues.save(post.actor, {"queue": "incoming", "active": True})
    await post.work()
    assert await post.outcomes() == ["created"]


async def test_a_queue_says_how_often_and_how_long_a_mail_is_tried(post, monkeypatch):  # QUE-04
    """After one attempt, and after its time, a mail that never ends is parked."""
    monkeypatch.setattr("mailport_workspace.intake.attempt.SECONDS_PER_MINUTE", 0.05)
    await post.queues.save(post.actor, {"queue": "incoming", "attempts": 1, "timeout_minutes": 2})
    await post.inbox()
    post.clerk.does["Endless"] = lambda _received: asyncio.Event().wait()
    post.box().add(mail("Endless"))
    await post.poll()
    assert ((await post.entries())["Endless"].state, post.clerk.failures) == ("parked", ["mail.timeout"])


@pytest.mark.parametrize("with_data", [True, False])
async def test_a_queue_says_how_many_mails_come_at_a_time_and_with_what(post, with_data):  # QUE-04
    """A worker holds as many as the batch is large; their bytes come with the batch, or one by one."""
    await post.queues.save(post.actor, {"queue": "incoming", "batch_size": 2, "data_with_dispatch": with_data})
    await post.inbox()
    held = []

    async def look(_received):
        held.append(sum(entry.state == "claimed" for entry in (await post.entries()).values()))

    for number in range(3):
        post.clerk.does[f"Mail {number}"] = look
        post.box().add(mail(f"Mail {number}"))
    await post.poll()
    assert (held, await post.outcomes()) == ([2, 1, 1], ["created"] * 3)


async def test_queues_with_a_higher_priority_come_first(post):  # QUE-04
    """Their mail is processed before that of the others."""
    await _failed_for_good(post, "Low", "High")
    journal = await post.journal()
    for queue, subject, priority in (("a", "Low", 0), ("b", "High", 5)):
        await post.queues.save(post.actor, {"queue": queue, "priority": priority})
        await post.queues.move(post.actor, [journal[subject].id], queue)
        await post.queues.start(post.actor, queue)
    post.clerk.seen.clear()
    await post.work()
    assert post.clerk.seen == ["High", "Low"]


async def test_only_administrators_say_how_queues_work_and_only_sensibly(post):
    """Everybody sees the settings; a wrong one names its field."""
    with pytest.raises(ConfigurationError) as refused:
        await post.queues.save(administrator(post.actor), {"queue": "incoming", "attempts": 0})
    assert refused.value.field == "attempts"
    ((settings, counts),) = await post.queues.list(agent(post.actor))
    assert (settings.queue, settings.attempts, settings.batch_size, dict(counts)) == ("incoming", 3, 20, {})


async def test_what_is_away_for_a_while_uses_up_no_attempt(post, printer):
    """The record store does not answer: the mail waits, however often it is tried, and is processed when it is back."""
    await post.poll()
    for _ in range(8):
        post.clock.forward(seconds=2000)
        await post.work()
    entry = (await post.entries())["Printer"]
    assert (entry.state, entry.attempts, entry.last_code) == ("queued", 0, "store.unavailable")
    post.clerk.does.clear()
    post.clock.forward(seconds=2000)
    await post.work()
    assert await post.outcomes() == ["created"]


async def test_a_mail_that_takes_its_worker_with_it_again_and_again_is_parked(post):
    """A mail that ends every worker does so ten times at most; those behind it in the batch have nothing to do with it."""
    await post.inbox()
    await post.queues.save(post.actor, {"queue": "incoming", "active": False})
    for subject in ("Poison", "Next", "Last"):
        post.box().add(mail(subject))
    await post.poll()
    for _ in range(10):
        async with post.store.write(post.tenant) as rows:
            for staged in await rows.staged_mails(state="queued"):
                staged.entry.state, staged.entry.lease, staged.entry.leased_at = "claimed", "gone", post.clock()
        post.clock.forward(seconds=61)
        await post.work()
    entries = await post.entries()
    assert {subject: (entry.state, entry.attempts) for subject, entry in entries.items()} == {
        "Poison": ("parked", 10), "Next": ("queued", 0), "Last": ("queued", 0),
    }  # fmt: skip
    assert (entries["Poison"].last_code, (await post.journal())["Poison"].outcome) == ("mail.worker_lost", Outcome.FAILED)


async def test_a_verdict_of_failure_waits_for_a_person_too(post):
    """Also what processing itself calls a failure is parked, and shown with its reason."""
    await post.inbox()
    post.clerk.verdict = Verdict(outcome=Outcome.FAILED, mailbox=Mailbox.FAILURE, last_error="It has no parts.")
    post.box().add(mail("Odd"))
    await post.poll()
    ((held, journal),) = await post.quarantine.list(post.actor)
    assert (held.reason, journal.last_error, post.subjects("Errors")) == ("It has no parts.", "It has no parts.", ["Odd"])
