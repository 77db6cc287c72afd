"""Replies that decide: the first word of the text is a status of a task, or a vote."""

import pytest

from mailport_workspace.tables import Outcome
from tests.workspace.processing.conftest import ANN, codes, mail

BOB = "bob@example.org"


@pytest.fixture
async def task(desk):
    """A task of Ann's, whose mail went to her."""
    await desk.know()
    await desk.tab("object_names", "Task", "task")
    made = await desk.make("task", assignee=ANN)
    await desk.sent(made, ANN, message_id="<task@example.test>")
    return made


@pytest.fixture
async def approval(desk):
    """An approval that Bob shall give."""
    await desk.know(BOB)
    await desk.tab("object_names", "Approval", "approval")
    made = await desk.make("approval", approver=BOB)
    await desk.sent(made, BOB, ANN)
    return made


def _reply(text, **more):
    return mail("Re: your task", text, in_reply_to="<task@example.test>", **more)


@pytest.mark.parametrize(("word", "state"), [("accepted", "accepted"), ("Rejected", "rejected"), ("ACCEPTED,", "accepted")])
async def test_a_reply_to_a_task_mail_sets_its_status(desk, task, word, state):  # TAB-06, TAB-08
    """The first word of the plain text, without regard to case."""
    verdict = await desk.receive(_reply(f"\n{word} gladly\n\nSee you"))
    assert (verdict.outcome, (await desk.record(task)).state) == (Outcome.UPDATED, state)


async def test_the_second_line_of_a_rejection_is_its_reason(desk, task):  # TAB-07
    """It stands in the field and in the history; an acceptance has none."""
    await desk.receive(_reply("rejected\n\nI am on leave.\nBye"))
    assert (await desk.record(task)).fields["reason"] == "I am on leave."
    assert "I am on leave." in [entry.text for entry in await desk.history(task) if entry.kind == "changed"]
    await desk.receive(_reply("accepted\nThanks", message_id="<later@example.org>"))
    assert ((await desk.record(task)).state, (await desk.record(task)).fields["reason"]) == ("accepted", "I am on leave.")


@pytest.mark.parametrize("text", ["I have accepted it", "> accepted", "acceptedly", ""])
async def test_a_keyword_is_the_first_word_of_the_text(desk, task, text):  # TAB-08, TAB-11
    """Anything else is attached and changes no status."""
    verdict = await desk.receive(_reply(text))
    assert (verdict.outcome, (await desk.record(task)).state) == (Outcome.ATTACHED, "new")


async def test_the_replying_mail_is_in_the_history_of_the_task(desk, task):  # TAB-12
    """With what it changed."""
    await desk.receive(_reply("accepted"))
    kinds = [(entry.kind, entry.journal_id) for entry in await desk.history(task)]
    assert ("mail_in", desk.journal) in kinds
    assert [entry.changes["state"] for entry in await desk.history(task) if entry.kind == "changed"] == [["new", "accepted"]]


@pytest.mark.parametrize(("sender", "state"), [(BOB, "accepted"), (ANN, "requested"), ("", "requested")])
async def test_a_vote_counts_only_from_its_approver(desk, approval, sender, state):  # TAB-09
    """Somebody else's word is attached and says so in a step."""
    await desk.know(ANN)
    head = f"From: {sender}\r\n" if sender else ""
    raw = f"{head}Subject: Approval {approval.number}\r\nMessage-ID: <vote@example.org>\r\n\r\naccepted\r\n".encode()
    verdict = await desk.receive(raw)
    assert (verdict.record.id, (await desk.record(approval)).state) == (approval.id, state)
    assert ("keyword.approver" in codes(verdict)) == (sender != BOB)


async def test_keyword_rows_can_be_added_changed_and_removed(desk, task):  # TAB-10
    """Each maps one word to one status that the type has; the next mail obeys."""
    row = await desk.tab("task_keywords", "done", "completed")
    await desk.tabs.change(desk.world.one, row, word="fertig", meaning="In progress")
    assert (await desk.receive(_reply("done"))).outcome is Outcome.ATTACHED
    await desk.receive(_reply("Fertig!", message_id="<fertig@example.org>"))
    assert (await desk.record(task)).state == "in_progress"
    await desk.tabs.remove(desk.world.one, row)
    verdict = await desk.receive(_reply("fertig", message_id="<again@example.org>"))
    assert verdict.outcome is Outcome.ATTACHED


async def test_a_stranger_does_not_accept_a_task(desk, task):  # MAT-12
    """Who takes no part in it."""
    verdict = await desk.receive(_reply("accepted", sender="eve@elsewhere.example.org"))
    assert (verdict.outcome, "record.sender" in codes(verdict)) == (Outcome.ATTACHED, True)
    assert (await desk.record(task)).state == "new"


async def test_a_keyword_means_nothing_to_an_incident(desk):
    """Only tasks and approvals are decided by words."""
    await desk.know()
    record = await desk.make("incident")
    assert (await desk.receive(mail(f"Incident {record.number}", "accepted"))).outcome is Outcome.ATTACHED
