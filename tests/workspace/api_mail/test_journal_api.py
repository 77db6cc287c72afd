"""The journal over the API: found by what people know, explained, downloaded, and harmless to look at."""

import pytest

from mailport_workspace.tables import Outcome, Quarantined, StepState, now
from tests.workspace.api_mail.conftest import a_message


async def test_a_mail_is_found_by_what_people_know_of_it(people, stored):
    """Message id, address, subject, conversation, record: each leads to the mail, and to nothing of another tenant."""
    names = {"conversation_id": "Ref:ABC", "record_type": "incident", "record_id": "7", "record_number": "INC000007"}
    entry = await stored(people.one, a_message(to="Bö <bö@example.org>"), **names)
    await stored(people.one, a_message(subject="Else", to="x@example.org", sender="y@example.org"))
    await stored(people.two, **names)
    asked = [
        {"message_id": entry.message_id},
        {"address": "ANN@example.org"},
        {"address": "bö@example.org"},
        {"subject": "PRINT"},
        {"conversation_id": "Ref:ABC"},
        {"record_type": "incident", "record": "7"},
        {"record_number": "INC000007"},
    ]
    for wanted in asked:
        found = (await people.bob.get("/journal", params=wanted)).json()["items"]
        assert [mail["id"] for mail in found] == [entry.id], wanted


async def test_an_address_is_not_found_by_its_beginning(bob, people, stored):
    """Signs that a search could take for something else stand for themselves."""
    await stored(people.one)
    for address in ("desk@example.or", "%", "_", '"'):
        recipients = (await bob.get("/journal", params={"address": f"{address}x"})).json()["items"]
        assert recipients == []


async def test_pages_lead_from_the_newest_to_the_oldest(bob, people, stored):
    """Each page goes on behind the one before, also when mail comes in meanwhile."""
    ids = [(await stored(people.one)).id for _ in range(5)]
    first = (await bob.get("/journal", params={"limit": 2})).json()
    await stored(people.one)
    second = (await bob.get("/journal", params={"limit": 3, "after": first["next"]})).json()
    assert [mail["id"] for page in (first, second) for mail in page["items"]] == ids[::-1]
    assert second["next"] is None


async def test_one_mail_is_told_with_its_steps(bob, people, workspace, stored):
    """By its id a mail is traced from its receipt to its outcome."""
    entry = await stored(people.one, outcome=Outcome.QUARANTINED, last_error="Nobody knows the sender.")
    async with workspace.store.write(people.one) as rows:
        await rows.note(entry.id, "recognise", "No record is named.")
        await rows.note(entry.id, "match", "The sender is unknown.", state=StepState.FAILED, code="match.unknown")
        await rows.add(Quarantined(journal_id=entry.id, code="match.unknown", reason="A person must decide.", created_at=now()))
    mail = (await bob.get(f"/journal/{entry.id}")).json()
    assert [step["step"] for step in mail["steps"]] == ["recognise", "match"]
    explained = (await bob.get(f"/journal/{entry.id}/explanation")).json()
    assert explained["summary"] == "It waits for a person. Nobody knows the sender."
    told = [happening["text"] for happening in explained["happenings"]]
    assert told[0].startswith("It was fetched from the inbox “Desk”")
    assert told[1:] == [
        "recognise: No record is named.",
        "match: The sender is unknown.",
        "It was kept for a person: A person must decide.",
    ]


async def test_the_bytes_of_a_mail_are_downloaded_as_they_came(bob, people, workspace, stored, monkeypatch):
    """Piece by piece, with their length, never to be shown by a browser."""
    monkeypatch.setattr("mailport_workspace.api.journal._PIECE", 100)
    entry = await stored(people.one)
    async with workspace.store.read(people.one) as rows:
        content = (await rows.raw_message(entry.raw_id)).content
    answer = await bob.get(f"/journal/{entry.id}/raw")
    assert (answer.content, answer.headers["content-type"]) == (content, "message/rfc822")
    assert answer.headers["content-length"] == str(len(content)) == str(entry.size)
    assert answer.headers["content-disposition"].startswith("attachment")


async def test_a_mail_is_shown_without_what_it_could_do(bob, people, stored):  # SEC-06 for the API
    """Scripts, handlers and pictures from elsewhere are gone; its own pictures stay."""
    entry = await stored(people.one)
    answer = await bob.get(f"/journal/{entry.id}/content")
    assert answer.headers["content-type"] == "application/json"
    content = answer.json()
    assert content["html"] == '<p>Hello<img><img src="cid:logo"></p>'
    assert content["remote_content_removed"] is True
    assert [(file["filename"], file["size"]) for file in content["attachments"]] == [("logo.png", 4), ("page.html", 25)]


@pytest.mark.parametrize(("number", "kind"), [(0, "image/png"), (1, "application/octet-stream")])
async def test_attachments_are_files_and_no_pages(bob, people, stored, number, kind):
    """What a browser could run comes as bytes of no kind."""
    entry = await stored(people.one)
    answer = await bob.get(f"/journal/{entry.id}/attachments/{number}")
    assert answer.content == a_message().attachments[number].content
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_mails_of_one_conversation_lead_to_each_other(bob, people, stored):
    """So do those of one record, and a bounce with the mail that it concerns."""
    mail = await stored(people.one, conversation_id="Ref:1", record_type="incident", record_id="9")
    reply = await stored(people.one, conversation_id="Ref:1")
    same = await stored(people.one, record_type="incident", record_id="9")
    bounce = await stored(people.one, related_id=mail.id)
    await stored(people.one, record_type="problem", record_id="9")
    related = (await bob.get(f"/journal/{mail.id}/related")).json()
    assert [one["id"] for one in related] == [reply.id, same.id, bounce.id]
    assert [one["id"] for one in (await bob.get(f"/journal/{bounce.id}/related")).json()] == [mail.id]


@pytest.mark.parametrize("path", ["", "/explanation", "/related", "/raw", "/content", "/attachments/0"])
async def test_mail_of_another_tenant_does_not_exist(people, stored, path):
    """Its id is like one that was never given."""
    entry = await stored(people.one)
    answers = [await people.zoe.get(f"/journal/{mail}{path}") for mail in (entry.id, "0" * 32)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]


async def test_purged_bytes_are_said_to_be_gone(bob, people, stored):
    """The history outlives them."""
    entry = await stored(people.one, raw_id=None)
    assert (await bob.get(f"/journal/{entry.id}")).json()["has_original"] is False
    answer = await bob.get(f"/journal/{entry.id}/raw")
    assert (answer.status_code, answer.json()["code"]) == (404, "store.purged")


async def test_the_detailed_error_is_for_administrators(people, stored):
    """An agent sees that it failed and why; the second text is not in the answer."""
    entry = await stored(people.one, last_error="It failed.", error_detail="at 10.0.0.7: 550")
    assert (await people.ann.get(f"/journal/{entry.id}")).json()["error_detail"] == "at 10.0.0.7: 550"
    answer = await people.bob.get(f"/journal/{entry.id}")
    assert (answer.json()["last_error"], answer.json()["error_detail"]) == ("It failed.", None)
    assert "10.0.0.7" not in answer.text + (await people.bob.get(f"/journal/{entry.id}/explanation")).text
