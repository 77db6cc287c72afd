"""Sending over the API: what is accepted is stored as it was given, and what is wrong is pointed at."""

import base64
import json
from copy import deepcopy

import pytest

from mailport import Message
from mailport_workspace.tables import OutboxState
from tests.workspace.api.conftest import Scope, token_of

MAIL = {"sender": "Desk <desk@example.org>", "to": ["Ann <ann@example.org>"], "subject": "Your order", "text": "On its way."}
BREAKS = ["\r\n", "\n", "\r", "\0"]
ONE_LINE = [
    "sender",
    "to/0",
    "cc/0",
    "bcc/0",
    "reply_to/0",
    "subject",
    "in_reply_to",
    "references/0",
    "envelope_from",
    "envelope_to/0",
    "headers/0/name",
    "headers/0/value",
    "attachments/0/filename",
    "attachments/0/content_type",
    "attachments/0/content_id",
    "record/type",
    "record/id",
    "record/number",
]


def full():
    """A mail with every field."""
    return deepcopy(MAIL) | {
        "cc": ["c@example.org"],
        "bcc": ["b@example.org"],
        "reply_to": ["r@example.org"],
        "html": '<p>On its way. <img src="cid:logo"></p>',
        "in_reply_to": "<1@example.org>",
        "references": ["<0@example.org>", "<1@example.org>"],
        "headers": [{"name": "X-Order", "value": "42"}],
        "attachments": [
            {
                "filename": "logo.png",
                "content": base64.b64encode(b"\x89PNG").decode(),
                "content_type": "image/png",
                "content_id": "logo",
            }
        ],
    }


async def sent(client, workspace, tenant, answer):
    """The message that was stored."""
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/v1/journal/{answer.json()['id']}"
    async with workspace.store.read(tenant) as rows:
        entry = await rows.journal_entry(answer.json()["id"])
        return Message.read((await rows.raw_message(entry.raw_id)).content)


async def test_a_mail_is_stored_before_anything_is_sent(bob, people, workspace):  # SND-22
    """When the answer comes, the mail is in the journal and waits in the outbox; no server was asked."""
    answer = await bob.post("/mails", json=MAIL)
    message = await sent(bob, workspace, people.one, answer)
    assert (message.subject, message.recipients) == ("Your order", ("ann@example.org",))
    mail = (await bob.get(answer.headers["location"].removeprefix("/api/v1"))).json()
    assert ([entry["state"] for entry in mail["outbox"]], mail["sent"], mail["tries"]) == (["queued"], False, [])


async def test_every_field_of_a_mail_arrives_in_it(bob, people, workspace):
    """What the caller wrote stands in the message that leaves."""
    message = await sent(bob, workspace, people.one, await bob.post("/mails", json=full()))
    assert [address.mailbox for address in (*message.cc, *message.bcc, *message.reply_to)] == [
        "c@example.org",
        "b@example.org",
        "r@example.org",
    ]
    assert (message.in_reply_to, message.references) == ("<1@example.org>", ("<0@example.org>", "<1@example.org>"))
    assert message.header("X-Order") == "42"
    (logo,) = message.attachments
    assert (logo.content, logo.content_id, logo.inline) == (b"\x89PNG", "logo", True)


async def test_one_address_may_stand_alone(bob, people, workspace):
    """A text is a list of one."""
    message = await sent(bob, workspace, people.one, await bob.post("/mails", json=MAIL | {"to": "x@example.org"}))
    assert message.recipients == ("x@example.org",)


@pytest.mark.parametrize("place", ONE_LINE)
async def test_line_breaks_and_nul_are_refused_at_their_field(bob, people, workspace, place):  # SEC-05 for the API
    """Nothing that could end a header or a command is stored; the answer points at it."""
    for sign in BREAKS:
        mail = full() | {"envelope_from": "e@example.org", "envelope_to": ["f@example.org"]}
        mail["record"] = {"type": "incident", "id": "1", "number": "2"}
        *path, last = [int(part) if part.isdigit() else part for part in place.split("/")]
        holder = mail
        for part in path:
            holder = holder[part]
        holder[last] = holder[last] + f"{sign}Bcc: evil@example.org"
        answer = await bob.post("/mails", json=mail)
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"#/{place}"]
    async with workspace.store.read(people.one) as rows:
        assert await rows.journal() == []


@pytest.mark.parametrize("field", ["text", "html"])
async def test_nul_is_refused_in_texts(bob, field):
    """No database keeps it and no mail carries it."""
    answer = await bob.post("/mails", json=MAIL | {field: "a\0b"})
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"#/{field}"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"to": ["ann@example.org", "nobody"]}, "#/to/1"),
        ({"to": ["a@example.org, b@example.org"]}, "#/to/0"),
        ({"to": []}, "#/to"),
        ({"sender": "desk"}, "#/sender"),
        ({"attachments": [{"filename": "a", "content": "%"}]}, "#/attachments/0/content"),
        ({"attachments": [{"filename": "a", "content": "", "content_type": "x"}]}, "#/attachments/0/content_type"),
        ({"headers": [{"name": "Subject", "value": "x"}]}, "#/headers"),
        ({"in_reply_to": "1@example.org"}, "#/in_reply_to"),
        ({"send_at": "2026-11-24T10:00:00"}, "#/send_at"),
        ({"record": {"type": "incident", "number": "INC999999"}}, "#/record"),
        ({"sbuject": "x"}, "#/sbuject"),
    ],
)
async def test_what_is_wrong_is_pointed_at(bob, changes, pointer):
    """A person or a program finds the place."""
    answer = await bob.post("/mails", json=MAIL | changes)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_all_that_is_wrong_is_said_at_once(bob):
    """Nobody corrects one field after the other."""
    answer = await bob.post("/mails", json={"to": ["x", "y"], "subject": "a\nb"})
    assert {error["pointer"] for error in answer.json()["errors"]} == {"#/to/0", "#/to/1", "#/subject"}


async def test_a_key_makes_one_mail(bob, people):
    """The second call with it returns the first mail; for another mail it is refused; tenants have keys of their own."""
    key = {"Idempotency-Key": "order-42"}
    first, again = [(await bob.post("/mails", json=MAIL, headers=key)).json() for _ in range(2)]
    assert (first["is_new"], again["is_new"]) == (True, False)
    assert first["id"] == again["id"]
    other = await bob.post("/mails", json=MAIL | {"text": "Else"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "store.key_used")
    assert (await people.zoe.post("/mails", json=MAIL, headers=key)).json()["is_new"] is True


async def test_a_mail_may_be_held_or_leave_later(bob, people, workspace):
    """The wish is kept with the mail."""
    wish = {"send_at": "2030-01-01T00:00:00+01:00", "priority": 7, "hold": True}
    answer = (await bob.post("/mails", json=MAIL | wish)).json()
    assert answer["state"] == OutboxState.HELD
    async with workspace.store.read(people.one) as rows:
        (entry,) = await rows.outbox_of(answer["id"])
    assert (entry.due_at.isoformat(), entry.priority, entry.origin) == ("2029-12-31T23:00:00+00:00", 7, "api")


async def test_attachments_may_come_as_files(bob, people, workspace):
    """A form with the mail as JSON and each attachment as a file."""
    files = [("files", ("ü.txt", b"hello", "text/plain")), ("files", ("b.bin", b"\0\1", "application/x-b"))]
    answer = await bob.post("/mails/upload", data={"mail": json.dumps(MAIL)}, files=files)
    message = await sent(bob, workspace, people.one, answer)
    assert [(file.filename, file.content) for file in message.attachments] == [("ü.txt", b"hello"), ("b.bin", b"\0\1")]


async def test_a_form_is_pointed_at_as_well(bob):
    """The pointer leads into the mail, or to the file."""
    bad_mail = await bob.post("/mails/upload", data={"mail": json.dumps(MAIL | {"to": ["x"]})}, files=[("files", ("a", b""))])
    assert [error["pointer"] for error in bad_mail.json()["errors"]] == ["#/mail/to/0"]
    bad_file = await bob.post("/mails/upload", data={"mail": json.dumps(MAIL)}, files=[("files", ("a", b"", "x"))])
    assert [error["pointer"] for error in bad_file.json()["errors"]] == ["#/files/0"]


async def test_a_complete_message_leaves_as_it_is(bob, people, workspace):
    """Byte for byte, to its own recipients or to those that are named."""
    content = b"From: desk@example.org\r\nTo: ann@example.org\r\nX-Odd:  two  blanks\r\n\r\nHello\r\n"
    headers = {"Content-Type": "message/rfc822"}
    plain = await bob.post("/mails/raw", content=content, headers=headers)
    assert b"X-Odd:  two  blanks" in (await sent(bob, workspace, people.one, plain)).to_bytes()
    other = await bob.post("/mails/raw", params={"envelope_to": "x@example.org"}, content=content, headers=headers)
    mail = (await bob.get(f"/journal/{other.json()['id']}")).json()
    assert mail["recipients"] == ["x@example.org"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no mail",
        b"From: a@example.org\r\nSubject: a\rBcc: evil@example.org\r\n\r\n",
        b"From: a@example.org\r\nTo: \r\n\r\n",
    ],
)
async def test_what_is_no_mail_is_refused(bob, content):
    """A complete message is checked before it is stored."""
    answer = await bob.post("/mails/raw", content=content, headers={"Content-Type": "message/rfc822"})
    assert answer.status_code == 422, answer.text


async def test_other_kinds_of_bodies_are_refused(bob):
    """Each address says what it reads."""
    for path, kind in (("/mails", "text/plain"), ("/mails/raw", "application/json"), ("/mails/upload", "application/json")):
        answer = await bob.post(path, content=b"{}", headers={"Content-Type": kind})
        assert answer.status_code == 415, (path, answer.text)


async def test_a_token_without_the_scope_sends_nothing(people, workspace, visit):
    """Reading is no permission to send."""
    reader = visit(await token_of(workspace, people.actor.ann, Scope.MAIL_READ))
    assert (await reader.post("/mails", json=MAIL)).status_code == 403
    assert (await visit().post("/mails", json=MAIL)).status_code == 401
