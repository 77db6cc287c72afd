"""Records over the API: types, lists, history, change, answer by mail; and the people who write."""

import base64

import pytest

from mailport import Message
from mailport_workspace.records.interface import AttachedMail, RecordRef
from mailport_workspace.tables import ActivityKind, now
from tests.workspace.api_mail.conftest import a_message

INCIDENT = {"type": "incident", "fields": {"subject": "The printer does not print"}, "email": "Ann <ann@example.org>"}


async def create(client, **more):
    """Make an incident."""
    answer = await client.post("/records", json=INCIDENT | more)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/v1/records/{answer.json()['id']}"
    return answer.json()


async def attach(workspace, tenant, record, entry, message):
    """Put a mail into the history of a record, as processing does."""
    async with workspace.records.work(tenant) as work:
        person = await work.create_person("ann@example.org", "Ann")
        mail = AttachedMail(
            journal_id=entry.id,
            kind=ActivityKind.MAIL_IN,
            sender="ann@example.org",
            subject=message.subject,
            text=message.text,
            at=now(),
            attachments=message.attachments,
        )
        await work.attach(RecordRef(type=record["type"], id=record["id"], number=record["number"]), mail, person=person.id)
        await work.settle(_nothing)


async def _nothing(_rows):
    """Settle what is complete."""


async def test_a_record_is_made_changed_and_remembered(bob):
    """The history tells who did what and why."""
    made = await create(bob)
    assert (made["number"], made["state"], made["title"]) == ("INC000001", "new", "The printer does not print")
    patch = {"fields": {"priority": "High"}, "state": "in progress", "reason": "Ann called."}
    changed = (await bob.patch(f"/records/{made['id']}", json=patch)).json()
    assert (changed["state"], changed["fields"]["priority"]) == ("in_progress", "High")
    assert (await bob.post(f"/records/{made['id']}/notes", json={"text": "Toner is low."})).status_code == 204
    history = (await bob.get(f"/records/{made['id']}")).json()["history"]
    assert [(entry["kind"], entry["text"]) for entry in history] == [
        ("created", ""),
        ("changed", "Ann called."),
        ("note", "Toner is low."),
    ]
    assert {entry["author"] for entry in history[1:]} == {"Bob"}


async def test_a_key_makes_one_record(bob):
    """A program that asks twice gets the same record."""
    key = {"Idempotency-Key": "call-7"}
    ids = {(await bob.post("/records", json=INCIDENT, headers=key)).json()["id"] for _ in range(2)}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"fields": {}}, ["#/fields/subject"]),
        ({"fields": {"subject": "x", "colour": "red"}}, ["#/fields/colour"]),
        ({"fields": {"subject": "x", "priority": "odd"}}, ["#/fields/priority"]),
        ({"type": "unicorn"}, ["#/type"]),
        ({"email": "ann"}, ["#/email"]),
        ({"parent": "x"}, ["#/parent"]),
        ({"typo": 1}, ["#/typo"]),
    ],
)
async def test_what_is_wrong_with_a_record_is_pointed_at(bob, changes, pointers):
    """Fields are those below `fields`."""
    answer = await bob.post("/records", json=INCIDENT | changes)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


async def test_records_are_found_page_by_page(bob, people):
    """By type, state, text and person, the newest first."""
    made = [await create(bob, fields={"subject": f"Printer {number}"}) for number in range(3)]
    await create(bob, type="problem", email="zed@example.org")
    await create(people.zoe)
    first = (await bob.get("/records", params={"type": "incident", "limit": 2})).json()
    second = (await bob.get("/records", params={"type": "incident", "limit": 2, "after": first["next"]})).json()
    assert [record["id"] for page in (first, second) for record in page["items"]] == [one["id"] for one in made[::-1]]
    for wanted in ({"text": "printer 1"}, {"text": "inc000002"}, {"state": ["new", "odd"], "text": "Printer 1"}):
        found = (await bob.get("/records", params=wanted)).json()["items"]
        assert [record["id"] for record in found] == [made[1]["id"]], wanted
    assert len((await bob.get("/records", params={"person": made[0]["person"]})).json()["items"]) == 3


async def test_a_mail_stands_with_the_record_and_the_person(bob, people, workspace, stored):  # INB-09
    """Its text and its files are read with the record; the sender's own history has it as well."""
    made = await create(bob)
    message = a_message()
    await attach(workspace, people.one, made, await stored(people.one, message), message)
    page = (await bob.get(f"/records/{made['id']}")).json()
    mail = page["history"][-1]
    assert (mail["kind"], mail["author"]) == ("mail_in", "ann@example.org")
    assert page["linked_person"]["email"] == "ann@example.org"
    person = (await bob.get(f"/people/{page['linked_person']['id']}")).json()
    assert [entry["journal_id"] for entry in person["history"] if entry["kind"] == "mail_in"] == [mail["journal_id"]]
    html, logo = sorted(page["files"], key=lambda file: file["content_type"], reverse=True)
    answer = await bob.get(f"/records/{made['id']}/files/{logo['id']}")
    assert (answer.content, answer.headers["content-type"]) == (b"\x89PNG", "image/png")
    answer = await bob.get(f"/records/{made['id']}/files/{html['id']}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


async def test_people_are_listed_by_address(bob, people):
    """Page by page; a part of address or name finds them."""
    for email in ("c@example.org", "a@example.org", "b@example.org"):
        await create(bob, email=email)
    await create(people.zoe, email="z@example.org")
    first = (await bob.get("/people", params={"limit": 2})).json()
    second = (await bob.get("/people", params={"limit": 2, "after": first["next"]})).json()
    assert [person["email"][0] for page in (first, second) for person in page["items"]] == ["a", "b", "c"]
    assert [person["email"] for person in (await bob.get("/people", params={"text": "B@"})).json()["items"]] == [
        "b@example.org"
    ]


async def test_an_answer_goes_to_who_wrote(bob, people, workspace, stored, outgoing):
    """It answers the latest mail, carries the record, and stands in the history before it leaves."""
    made = await create(bob)
    message = a_message()
    entry = await stored(people.one, message, record_type="incident", record_id=made["id"], record_number=made["number"])
    await outgoing(people.actor.ann)
    attachment = {"filename": "a.txt", "content": base64.b64encode(b"hello").decode()}
    body = {"text": "Try again.", "attachments": [attachment]}
    accepted = await bob.post(f"/records/{made['id']}/answers", json=body)
    assert accepted.status_code == 202, accepted.text
    sent = (await bob.get(f"/journal/{accepted.json()['id']}")).json()
    assert (sent["recipients"], sent["record"]["number"]) == (["ann@example.org"], made["number"])
    async with workspace.store.read(people.one) as rows:
        stored_mail = await rows.journal_entry(sent["id"])
        answer = Message.read((await rows.raw_message(stored_mail.raw_id)).content)
    assert (answer.in_reply_to, answer.attachments[0].content) == (entry.message_id, b"hello")
    history = (await bob.get(f"/records/{made['id']}")).json()["history"]
    assert [one["journal_id"] for one in history if one["kind"] == "mail_out"] == [sent["id"]]


async def test_a_type_of_ones_own_has_mandatory_fields(ann, bob):
    """An administrator defines it; what is missing is pointed at by its field."""
    fields = [{"name": "owner", "label": "Owner", "mandatory": True}, {"name": "model", "label": "Model", "mandatory": True}]
    laptop = {"label": "Laptop", "prefix": "LAP", "fields": fields}
    assert (await bob.put("/record-types/laptop", json=laptop)).status_code == 403
    assert (await ann.put("/record-types/laptop", json=laptop)).status_code == 200
    missing = await bob.post("/records", json={"type": "laptop", "fields": {"model": "X"}})
    assert [error["pointer"] for error in missing.json()["errors"]] == ["#/fields/owner"]
    made = await bob.post("/records", json={"type": "laptop", "fields": {"model": "X", "owner": "Ann"}})
    assert made.json()["number"] == "LAP000001"
    assert (await ann.delete("/record-types/laptop")).json()["code"] == "record.type_in_use"


async def test_a_template_lists_the_mandatory_fields(ann, bob):  # TPL-09
    """For any type, also one's own, with the separators of the inbox that will read it."""
    fields = [{"name": "owner", "label": "Owner", "mandatory": True}, {"name": "model", "label": "Model"}]
    await ann.put("/record-types/laptop", json={"label": "Laptop", "prefix": "LAP", "fields": fields})
    inbox = await ann.post(
        "/inboxes", json={"name": "Laptops", "processor": "other", "record_type": "laptop", "field_separator": "=>"}
    )
    assert inbox.status_code == 201, inbox.text
    produced = await bob.get("/record-types/laptop/template", params={"inbox": inbox.json()["id"], "records": 2})
    assert produced.json()["text"] == "Owner => \n----\nOwner => \n"
    types = [kind["name"] for kind in (await bob.get("/record-types")).json()]
    texts = {name: (await bob.get(f"/record-types/{name}/template")).json()["text"] for name in types}
    assert texts["incident"] == "Subject :: \nDescription :: \n"
    assert texts["approval"] == "Subject :: \nApprover :: \n"


async def test_records_of_another_tenant_do_not_exist(bob, people):
    """Neither to read nor to change."""
    made = await create(bob)
    path = f"/records/{made['id']}"
    answers = [
        await people.zoe.get(path),
        await people.zoe.patch(path, json={"state": "closed"}),
        await people.zoe.post(f"{path}/notes", json={"text": "x"}),
        await people.zoe.get(f"{path}/files/{'0' * 32}"),
        await people.zoe.post("/records", json=INCIDENT | {"parent": made["id"]}),
        await people.zoe.get(f"/people/{made['person']}"),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert (await people.zoe.get("/records")).json()["items"] == []


async def test_the_number_of_another_system_stands_for_a_record(bob, people):
    """It is added, seen with the record, found by no other tenant, and forgotten again."""
    made = await create(bob)
    path = f"/records/{made['id']}/outside-numbers"
    added = await bob.post(path, json={"number": "CASE-4711", "system": "Supplier"})
    assert (added.status_code, added.json()["number"]) == (201, "case-4711")
    assert (await bob.get(f"/records/{made['id']}")).json()["outside_numbers"] == [added.json()]
    other = await create(bob)
    taken = await bob.post(f"/records/{other['id']}/outside-numbers", json={"number": "case-4711"})
    assert [error["pointer"] for error in taken.json()["errors"]] == ["#/number"]
    assert (await people.zoe.post(path, json={"number": "CASE-1"})).status_code == 404
    assert (await people.zoe.delete(f"{path}/{added.json()['id']}")).status_code == 404
    assert (await bob.delete(f"{path}/{added.json()['id']}")).status_code == 204
    assert (await bob.get(f"/records/{made['id']}")).json()["outside_numbers"] == []
