"""Mail that becomes no record: ignored, denied, automatic, bounced, or by a rule."""

import pytest

from mailport_workspace.tables import MailDirection, MailKind, Outcome, Webhook, new_id
from mailport_workspace.tenants.incoming_rules import IncomingRules
from tests.workspace.processing.conftest import ANN, DESK, codes, mail

VACATION = {"headers": (("Auto-Submitted", "auto-replied"),)}


def _bounce(message_id="<sent@example.test>", subject="Undelivered Mail Returned to Sender"):
    """Return what a mail server writes about a mail of ours (RFC 3464)."""
    return "\r\n".join(
        (
            "From: MAILER-DAEMON@mx.example.org", f"To: {DESK}", f"Subject: {subject}", "Message-ID: <report@mx.example.org>",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"', "MIME-Version: 1.0", "",
            "--b", "Content-Type: text/plain", "", "It did not work.",
            "--b", "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.example.org", "",
            f"Final-Recipient: rfc822; {ANN}", "Action: failed", "Status: 5.1.1", "",
            "--b", "Content-Type: message/rfc822", "", f"Message-ID: {message_id}", "Subject: ours", "", "text", "--b--", "",
        )
    ).encode()  # fmt: skip


@pytest.fixture
async def known(desk):
    """A desk that knows the sender."""
    await desk.know()
    return desk


@pytest.mark.parametrize("subject", ["[SPAM] win", "RE: [spam]  win", "Newsletter May"])
async def test_a_subject_of_the_ignore_list_makes_and_changes_no_record(known, subject):  # TAB-01, TAB-02
    """Its journal entry says why, in the words of the list."""
    record = await known.make("incident")
    await known.tab("ignored_subjects", "[SPAM]")
    await known.tab("ignored_subjects", "Newsletter *")
    verdict = await known.receive(mail(f"{subject} Incident {record.number}"))
    assert (verdict.outcome, len(await known.all_records())) == (Outcome.IGNORED, 1)
    assert [entry for entry in await known.history(record) if entry.journal_id] == []
    assert (await known.mail()).last_error == "Email with subject matching ignored list"


async def test_a_subject_of_the_failure_list_is_stored_as_bounced(known):  # TAB-03
    """It creates no incident, although nothing else shows that it is a report."""
    await known.tab("failure_subjects", "could not be delivered")
    verdict = await known.receive(mail("Your mail could not be delivered"))
    assert (verdict.outcome, (await known.mail()).kind) == (Outcome.BOUNCED, MailKind.BOUNCED)
    assert await known.all_records() == []


async def test_a_bounce_is_linked_to_the_mail_it_concerns_and_its_record(desk):  # TAB-04, SND-26
    """From whatever server, known or not; the history of the record shows it."""
    record = await desk.make("incident")
    sent = await desk.sent(record, ANN)
    verdict = await desk.receive(_bounce())
    entry = await desk.mail()
    assert (verdict.outcome, entry.kind, entry.related_id) == (Outcome.BOUNCED, MailKind.BOUNCED, sent)
    assert (entry.record_id, len(await desk.all_records())) == (record.id, 1)
    assert [one.kind for one in await desk.history(record) if one.journal_id == desk.journal] == ["bounce"]
    assert any("5.1.1" in step.text and ANN in step.text for step in verdict.steps)


async def test_other_systems_are_told_of_a_bounce(desk):
    """By the mail that it concerns, and its record."""
    record = await desk.make("incident")
    sent = await desk.sent(record, ANN)
    hook = Webhook(id=new_id(), name="Hook", url="https://hook.example.org/", events=["mail.bounced"], secrets={})
    async with desk.world.store.write(desk.tenant) as rows:
        await rows.add(hook)
    await desk.receive(_bounce())
    async with desk.world.store.read(desk.tenant) as rows:
        (told,) = await rows.deliveries(hook.id, after=None, limit=10)
    assert (told.event, told.payload["journal_id"], told.payload["record"]["number"]) == ("mail.bounced", sent, record.number)


async def test_a_bounce_of_an_unknown_mail_is_kept_as_one(desk):  # TAB-04
    """It is linked to nothing, and a step says so."""
    verdict = await desk.receive(_bounce("<nobody@example.test>"))
    assert (verdict.outcome, verdict.related_id, "bounce.unknown_mail" in codes(verdict)) == (Outcome.BOUNCED, None, True)


@pytest.mark.parametrize(
    ("rows", "sender", "outcome"),
    [
        ({"customer.example.org": "deny"}, ANN, Outcome.IGNORED),
        ({"customer.example.org": "deny", ANN: "allow"}, ANN, Outcome.CREATED),
        ({ANN: "deny"}, ANN, Outcome.IGNORED),
        ({"*.example.org": "deny"}, ANN, Outcome.IGNORED),
        ({"other.example.org": "allow"}, ANN, Outcome.QUARANTINED),
        ({"customer.example.org": "allow"}, ANN, Outcome.CREATED),
    ],
)
async def test_senders_are_allowed_and_denied_by_address_and_domain(known, rows, sender, outcome):  # TAB-13
    """The address beats its domain; who is merely not on the list of the allowed waits for a person."""
    for word, meaning in rows.items():
        await known.tab("senders", word, meaning)
    assert (await known.receive(mail(sender=sender))).outcome is outcome


@pytest.mark.parametrize(
    "head",
    [
        "Auto-Submitted: auto-replied",
        "Precedence: auto_reply",
        "Return-Path: <>\r\nSubject: Automatic reply: x",
        "X-Autoreply: yes",
    ],
)
async def test_automatic_answers_change_nothing_and_are_never_answered(known, head):  # TAB-14
    """With a record they are attached, and an "accepted" in them is no decision; nothing leaves, to nobody."""
    await known.tab("object_names", "Task", "task")
    task = await known.make("task", assignee=ANN)
    sent = await known.sent(task, ANN, message_id="<task@example.test>")
    raw = f"{head}\r\nFrom: {ANN}\r\nMessage-ID: <a@example.org>\r\nIn-Reply-To: <task@example.test>\r\n\r\naccepted\r\n"
    verdict = await known.receive(raw.encode())
    assert (verdict.outcome, (await known.record(task)).state) == (Outcome.ATTACHED, "new")
    async with known.world.store.read(known.tenant) as rows:
        outgoing = [entry.id for entry in await rows.journal() if entry.direction is MailDirection.OUTGOING]
        assert (outgoing, list(await rows.outbox())) == ([sent], [])


async def test_an_automatic_answer_that_concerns_no_record_makes_none(known):
    """It is kept in the journal; what a machine tells by itself, such as an alarm, makes a record."""
    assert (await known.receive(mail("Automatic reply: x", **VACATION))).outcome is Outcome.IGNORED
    alarm = mail("Disk is full", headers=(("Auto-Submitted", "auto-generated"),))
    assert (await known.receive(alarm)).outcome is Outcome.CREATED


async def test_our_own_mail_that_comes_back_makes_no_record(known):
    """Its X-Loop names an address of ours."""
    verdict = await known.receive(mail(headers=(("X-Loop", DESK),)))
    assert (verdict.outcome, "mail.loop" in codes(verdict)) == (Outcome.IGNORED, True)


async def test_rules_are_tried_in_order_skip_rules_first_and_the_default_last(known):  # PLS-04
    """The first that fits decides, wherever the skip rule and the one without conditions stand."""
    rules = IncomingRules(known.world.store)
    everything = {"action": {"do": "create", "record_type": "change"}, "conditions": []}
    urgent = [{"on": "subject", "value": "urgent"}]
    for name, form in {
        "rest": everything,
        "first": {"conditions": urgent, "action": {"do": "create", "record_type": "problem", "fields": {"priority": "high"}}},
        "second": {"conditions": urgent, "action": {"do": "quarantine"}},
        "skip": {"skip": True, "conditions": [{"on": "body", "value": "lottery"}], "action": {"do": "ignore"}},
    }.items():
        await rules.add(known.world.one, {"name": name, **form})
    skipped = await known.receive(mail("urgent", "You won the lottery"))
    first = await known.receive(mail("Urgent!", message_id="<1@example.org>"))
    rest = await known.receive(mail("Hello", message_id="<2@example.org>"))
    assert (skipped.outcome, first.record.type, rest.record.type) == (Outcome.IGNORED, "problem", "change")
    assert (await known.record(first.record)).fields["priority"] == "High"


async def test_a_rule_can_hold_mail_and_only_attach_it(known):  # PLS-04
    """What has no record waits for a person then; a reply finds its record, and changes nothing."""
    rules = IncomingRules(known.world.store)
    await rules.add(known.world.one, {"name": "only attach", "action": {"do": "attach"}})
    task = await known.make("task", assignee=ANN)
    await known.sent(task, ANN, message_id="<task@example.test>")
    assert (await known.receive(mail())).quarantine[0] == "rule.attach"
    reply = await known.receive(mail("Re: x", "accepted", in_reply_to="<task@example.test>"))
    assert (reply.outcome, (await known.record(task)).state) == (Outcome.ATTACHED, "new")


async def test_a_rule_of_another_inbox_or_one_that_is_off_decides_nothing(known):  # PLS-04
    """The inbox does what it says."""
    rules, first = IncomingRules(known.world.store), await known.world.inboxes.list(known.world.one)
    other = next(inbox["id"] for inbox in first if inbox["id"] != known.inbox)
    await rules.add(known.world.one, {"name": "other", "inbox_id": other, "action": {"do": "ignore"}})
    await rules.add(known.world.one, {"name": "off", "enabled": False, "action": {"do": "ignore"}})
    assert (await known.receive(mail())).outcome is Outcome.CREATED
