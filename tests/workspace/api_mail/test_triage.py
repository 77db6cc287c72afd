"""Mail that waits for a person over the API: quarantine and queues, and what is decided there."""

import pytest

from mailport_workspace.tables import IntakeState, Tab, TabRow, now
from tests.workspace.api_mail.conftest import a_message

STRANGER = "Stranger <stranger@elsewhere.example.test>"


@pytest.fixture
async def held(people, post, workspace):
    """A mail of somebody who is not on the list of those who may write."""
    async with workspace.store.write(people.one) as rows:
        await rows.add(TabRow(tab=Tab.SENDERS, word="example.org", meaning="allow"))
    return await post.deliver(sender=STRANGER)


async def outcome(client, mail):
    """What became of a mail."""
    return (await client.get(f"/journal/{mail}")).json()["outcome"]


async def test_mail_without_a_record_is_listed_with_the_reason(bob, people, held):
    """The list says why; another tenant's is empty."""
    (found,) = (await bob.get("/quarantine")).json()["items"]
    assert (found["mail"]["id"], found["mail"]["outcome"], found["decision"]) == (held, "quarantined", "")
    assert found["reason"]
    assert (await people.zoe.get("/quarantine")).json()["items"] == []


async def test_people_make_records_of_mails_or_mark_them_as_spam(bob, people, held, post):  # PLS-06
    """One mail of the triage list becomes a record, the other one is ended and its sender is ignored from then on."""
    spam = await post.deliver(a_message(sender="Spammer <spam@elsewhere.example.test>"))
    assert [row["mail"]["id"] for row in (await bob.get("/quarantine")).json()["items"]] == [spam, held]
    assert (await bob.post(f"/quarantine/{held}/create-record")).status_code == 202
    await post.work(people.one)
    mail = (await bob.get(f"/journal/{held}")).json()
    assert (mail["outcome"], mail["record"]["type"], mail["quarantine"]["decision"]) == ("created", "incident", "created")
    assert (await bob.post(f"/quarantine/{spam}/spam")).json()["outcome"] == "ignored"
    assert (await bob.get("/quarantine")).json()["items"] == []
    again = await post.deliver(a_message(sender="Spammer <spam@elsewhere.example.test>"))
    assert await outcome(bob, again) == "ignored"
    decided = (await bob.get("/quarantine", params={"decided": True})).json()["items"]
    assert {row["decision"] for row in decided} == {"created", "spam"}


async def test_a_deleted_mail_keeps_its_history(bob, held):
    """It waits no more, and its steps can still be read."""
    assert (await bob.delete(f"/quarantine/{held}")).status_code == 204
    assert (await bob.get("/quarantine")).json()["items"] == []
    mail = (await bob.get(f"/journal/{held}")).json()
    assert (mail["outcome"], mail["quarantine"]["decision"]) == ("deleted", "deleted")


async def test_a_rule_sends_mail_to_a_queue_where_it_is_seen(ann, bob, people, post):  # PLS-04, QUE-03
    """The queue stands in the list, its mail in the queue; switched on, it is worked off there. Others see nothing of it."""
    rule = {"name": "night", "action": {"do": "queue", "queue": "night"}}
    assert (await ann.post("/incoming-rules", json=rule)).status_code == 201
    assert (await ann.put("/queues/night", json={"active": False})).status_code == 200
    mail = await post.deliver()
    await post.work(people.one)
    (waiting,) = (await bob.get("/queues/night/mails")).json()["items"]
    assert (waiting["mail"]["id"], waiting["state"]) == (mail, "queued")
    queues = {queue["name"]: queue["mails"] for queue in (await bob.get("/queues")).json()}
    assert queues["night"] == {"queued": 1}
    assert "night" not in [queue["name"] for queue in (await people.zoe.get("/queues")).json()]
    assert (await ann.put("/queues/night", json={"active": True})).status_code == 200
    await post.work(people.one)
    assert await outcome(bob, mail) == "created"


@pytest.mark.parametrize("action", ["replay", "release", "create-record", "spam"])
async def test_mail_of_another_tenant_cannot_be_decided_about(bob, people, held, action):
    """It does not exist there, and nothing changes."""
    assert (await people.zoe.post(f"/quarantine/{held}/{action}")).status_code == 404
    assert (await people.zoe.delete(f"/quarantine/{held}")).status_code == 404
    assert await outcome(bob, held) == "quarantined"


async def park(workspace, tenant, mail):
    """Let a mail have failed for good, as after its last attempt."""
    async with workspace.store.write(tenant) as rows:
        entry = await rows.intake_entry(mail, for_update=True)
        entry.state, entry.attempts, entry.last_error = IntakeState.PARKED, 3, "Nobody knows."


async def test_failed_mails_are_moved_and_started_again_and_one_is_deleted(people, ann, post, workspace):  # QUE-03
    """Two that failed go to another queue and are processed from there; the third is deleted, its history stays."""
    mails = [await post.deliver(subject=f"Printer {number}") for number in range(3)]
    for mail in mails:
        await park(workspace, people.one, mail)
    assert (await ann.delete(f"/queues/mails/{mails[2]}")).status_code == 204
    assert await outcome(ann, mails[2]) == "deleted"
    assert (await ann.post("/queues/move", json={"mails": mails[:2], "queue": "repair"})).status_code == 204
    queue = (await ann.get("/queues/repair/mails", params={"state": "parked"})).json()["items"]
    assert [staged["mail"]["id"] for staged in queue] == mails[1::-1]
    assert (await ann.post("/queues/repair/restart")).json() == {"started": 2}
    await post.work(people.one)
    done = (await ann.get("/queues/repair/mails")).json()["items"]
    assert {staged["state"] for staged in done} == {"done"}


async def due(workspace, tenant, mail):
    """Let a mail be due for a job; the poll that staged it would have processed it first."""
    async with workspace.store.write(tenant) as rows:
        (await rows.intake_entry(mail, for_update=True)).due_at = now()


async def test_a_queue_has_settings(ann, bob, people, post, workspace):  # QUE-04
    """Batch size, active, priority, timeout, attempts, data with dispatch; a queue that is not active keeps its mail."""
    form = {"batch_size": 7, "priority": 5, "timeout_minutes": 9, "attempts": 4, "data_with_dispatch": True, "active": False}
    assert (await bob.put("/queues/incoming", json=form)).status_code == 403
    assert (await ann.put("/queues/incoming", json=form)).json() == form
    (queue,) = (await ann.get("/queues")).json()
    assert (queue["name"], queue["settings"]) == ("incoming", form)
    waiting = await post.deliver()
    await due(workspace, people.one, waiting)
    await post.work(people.one)
    assert await outcome(ann, waiting) == "received"
    assert (await ann.get("/queues")).json()[0]["mails"] == {"queued": 1}
    await ann.put("/queues/incoming", json=form | {"active": True})
    await post.work(people.one)
    assert await outcome(ann, waiting) == "created"
    assert (await people.zoe.get("/queues")).json()[0]["settings"]["batch_size"] == 20


@pytest.mark.parametrize(
    ("field", "value"), [("batch_size", 0), ("timeout_minutes", 0), ("attempts", 0), ("priority", 2000), ("colour", "red")]
)
async def test_bad_settings_of_a_queue_are_pointed_at(ann, field, value):
    """Each at its place."""
    answer = await ann.put("/queues/incoming", json={field: value})
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"#/{field}"]


async def test_queued_mail_of_another_tenant_does_not_exist(people, ann, post, workspace):
    """It can be neither moved nor deleted."""
    mail = await post.deliver()
    await park(workspace, people.one, mail)
    assert (await people.zoe.delete(f"/queues/mails/{mail}")).status_code == 404
    assert (await people.zoe.post("/queues/move", json={"mails": [mail], "queue": "x"})).status_code == 404
    assert (await people.zoe.get("/queues/incoming/mails")).json()["items"] == []
    assert (await people.zoe.post("/queues/incoming/restart")).json() == {"started": 0}
