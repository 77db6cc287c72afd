"""The outbox over the API: what became of mail, and what people decide about it."""

import asyncio
from contextlib import contextmanager

import pytest

from mailport import Message
from mailport_workspace.outbox.enqueue import Wish
from tests.conftest import peer
from tests.workspace.api_mail.test_sending import MAIL

ORIGINS = ["business_rule", "quick_action", "escalation", "workflow", "user"]


@contextmanager
def sink(*options):
    """A server that takes mail, or refuses what the options say."""
    with peer("smtpsink").serve_smtp_sink(*options) as server:
        yield server


async def settled(workspace, tenant, client, mail):
    """The mail after as many jobs as it takes: one that is short of time leaves it to the next."""
    for _ in range(100):
        await workspace.outbox.drain(tenant)
        found = (await client.get(f"/journal/{mail}")).json()
        if found["outbox"][-1]["state"] not in ("queued", "claimed", "sending"):
            break
        await asyncio.sleep(0.05)
    return found


@pytest.fixture
def send(bob, people, workspace):
    """Send a mail through the API and let a worker's job run."""

    async def send(client=bob, **more):
        accepted = (await client.post("/mails", json=MAIL | more)).json()
        return await settled(workspace, people.one, client, accepted["id"])

    return send


async def test_a_sent_mail_says_so(bob, people, outgoing, send):
    """It has a time, one attempt, and what the server said about each recipient."""
    with sink() as server:
        await outgoing(people.actor.ann, port=server.port)
        mail = await send()
        assert len(server.messages()) == 1
    assert (mail["sent"], mail["attempts"], mail["outbox"][0]["state"]) == (True, 1, "sent")
    assert mail["sent_at"] is not None
    (attempt,) = mail["tries"]
    assert [(receipt["recipient"], receipt["status"]) for receipt in attempt["receipts"]] == [("ann@example.org", "accepted")]
    explained = (await bob.get(f"/journal/{mail['id']}/explanation")).json()
    assert explained["summary"] == "Every recipient was accepted."


async def test_a_failure_is_kept_and_the_mail_can_be_resent(bob, people, outgoing, send, workspace):  # SND-23, SND-24
    """Sent stays N, with the last error and one more attempt; resending tries again and counts; then it is Y."""
    with sink("-f", "rcpt") as server:
        await outgoing(people.actor.ann, port=server.port)
        refused = await send()
    assert (refused["sent"], refused["attempts"], refused["outbox"][0]["state"]) == (False, 1, "refused")
    assert refused["last_error"]
    assert refused["sent_at"] is None
    with sink() as server:
        await outgoing(people.actor.ann, port=server.port)
        again = await bob.post(f"/journal/{refused['id']}/resend")
        assert (again.status_code, again.json()["id"]) == (202, refused["id"])
        sent = await settled(workspace, people.one, bob, refused["id"])
        assert len(server.messages()) == 1
    assert (sent["sent"], sent["attempts"], sent["last_error"], len(sent["tries"])) == (True, 2, "", 2)
    assert sent["sent_at"] is not None


async def test_the_second_error_text_is_for_administrators(people, outgoing, send):  # SND-25
    """A more detailed text is kept for every failed attempt; an agent never sees it, wherever it is."""
    with sink("-f", "rcpt") as server:
        await outgoing(people.actor.ann, port=server.port)
        seen = await send()
        detailed = (await people.ann.get(f"/journal/{seen['id']}")).json()
    assert seen["last_error"]
    assert (seen["error_detail"], seen["tries"][0]["error_detail"]) == (None, None)
    assert detailed["error_detail"]
    assert detailed["tries"][0]["error_detail"]
    assert detailed["last_error"] != detailed["error_detail"]


@pytest.mark.parametrize("origin", ORIGINS)
async def test_blocked_mail_does_not_leave_whoever_sends_it(bob, people, outgoing, workspace, origin):  # SND-08
    """Business rules, quick actions, escalations, workflows and users are blocked alike."""
    with sink() as server:
        await outgoing(people.actor.ann, port=server.port, block_outgoing_email=True)
        message = Message.compose(sender="desk@example.org", to="ann@example.org", text="x")
        submitted = await workspace.outbox.submit(people.one, message, Wish(origin=origin))
        await settled(workspace, people.one, bob, submitted.journal_id)
        assert server.messages() == []
    listed = (await bob.get("/outbox", params={"state": "blocked"})).json()["items"]
    assert [(entry["journal_id"], entry["origin"]) for entry in listed] == [(submitted.journal_id, origin)]


async def test_blocked_mail_is_kept_below_its_record(bob, people, outgoing, send):  # SND-07
    """Nothing leaves; the mail exists as a record linked to its parent, with Sent = N."""
    record = (await bob.post("/records", json={"type": "incident", "fields": {"subject": "x"}})).json()
    with sink() as server:
        await outgoing(people.actor.ann, port=server.port, block_outgoing_email=True)
        mail = await send(record={"type": "incident", "number": record["number"]})
        assert server.messages() == []
    assert (mail["sent"], mail["record"]["id"], mail["outbox"][0]["state"]) == (False, record["id"], "blocked")
    history = (await bob.get(f"/records/{record['id']}")).json()["history"]
    assert mail["id"] in [entry["journal_id"] for entry in history]


async def test_blocked_mail_waits_for_a_person(bob, people, outgoing, send, workspace):  # SND-10
    """It is not sent by itself when Block is switched off; resending sends it."""
    with sink() as server:
        await outgoing(people.actor.ann, port=server.port, block_outgoing_email=True)
        mail = await send()
        await outgoing(people.actor.ann, port=server.port, block_outgoing_email=False)
        await workspace.outbox.drain(people.one)
        assert server.messages() == []
        await bob.post(f"/outbox/{mail['outbox'][0]['id']}/resend")
        sent = await settled(workspace, people.one, bob, mail["id"])
        assert (sent["sent"], len(server.messages())) == (True, 1)


async def test_people_hold_release_and_cancel(bob):
    """Each decision is possible in its states only; the answer says which."""
    entry = (await bob.post("/mails", json=MAIL)).json()["outbox_id"]
    for action, state in (("hold", "held"), ("release", "queued"), ("cancel", "cancelled")):
        assert (await bob.post(f"/outbox/{entry}/{action}")).json()["state"] == state
    refused = await bob.post(f"/outbox/{entry}/hold")
    assert (refused.status_code, refused.json()["code"]) == (409, "store.state")


async def test_a_held_mail_is_marked_as_sent(bob):
    """Somebody has seen it at its recipient's."""
    accepted = (await bob.post("/mails", json=MAIL | {"hold": True})).json()
    assert (await bob.post(f"/outbox/{accepted['outbox_id']}/mark_sent")).json()["state"] == "sent"
    assert (await bob.get(f"/journal/{accepted['id']}")).json()["sent"] is True


async def test_the_outbox_is_listed_by_state(bob, people):
    """Several states may be asked for; the mail stands beside."""
    held = (await bob.post("/mails", json=MAIL | {"hold": True})).json()
    waiting = (await bob.post("/mails", json=MAIL | {"subject": "Else"})).json()
    await people.zoe.post("/mails", json=MAIL)
    found = (await bob.get("/outbox", params={"state": "held"})).json()["items"]
    assert [(entry["id"], entry["mail"]["subject"]) for entry in found] == [(held["outbox_id"], "Your order")]
    both = (await bob.get("/outbox", params={"state": ["held", "queued"]})).json()["items"]
    assert {entry["id"] for entry in both} == {held["outbox_id"], waiting["outbox_id"]}
    figures = (await bob.get("/figures")).json()["outbox"]
    assert (figures["held"], figures["queued"], figures["failed"]) == (1, 1, 0)


async def test_mails_of_another_tenant_cannot_be_decided_about(bob, people):
    """Neither read nor changed."""
    entry = (await bob.post("/mails", json=MAIL)).json()
    for action in ("resend", "cancel", "hold", "release", "mark_sent"):
        assert (await people.zoe.post(f"/outbox/{entry['outbox_id']}/{action}")).status_code == 404
    assert (await people.zoe.get(f"/outbox/{entry['outbox_id']}")).status_code == 404
    assert (await people.zoe.post(f"/journal/{entry['id']}/resend")).status_code == 404
    assert (await bob.get(f"/outbox/{entry['outbox_id']}")).json()["state"] == "queued"


async def test_received_mail_cannot_be_resent(bob, people, stored):
    """It was not sent from here."""
    answer = await bob.post(f"/journal/{(await stored(people.one)).id}/resend")
    assert (answer.status_code, answer.json()["code"]) == (409, "store.state")
