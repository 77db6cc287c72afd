"""From receipt to outcome over the API: one id leads through everything that happened."""

from tests.workspace.api_mail.conftest import a_message


async def test_one_id_traces_a_received_mail(bob, post):  # LOG-02
    """Receipt, every step, outcome, record: all stand below the id that the mail got when it came."""
    mail_id = await post.deliver()
    mail = (await bob.get(f"/journal/{mail_id}")).json()
    assert (mail["outcome"], mail["inbox_name"], mail["record"]["type"]) == ("created", "Desk", "incident")
    assert mail["steps"]
    record = (await bob.get(f"/records/{mail['record']['id']}")).json()
    assert mail_id in [entry["journal_id"] for entry in record["history"]]
    explained = (await bob.get(f"/journal/{mail_id}/explanation")).json()
    assert explained["summary"].startswith(f"It made the record {mail['record']['number']}.")
    assert explained["happenings"][0]["text"] == "It was fetched from the inbox “Desk” and stored."
    assert len(explained["happenings"]) >= 1 + len(mail["steps"])


async def test_an_answer_and_the_reply_belong_to_the_same_record(bob, people, outgoing, post, workspace):
    """Each is related to the other in the journal."""
    first = await post.deliver()
    record = (await bob.get(f"/journal/{first}")).json()["record"]
    await outgoing(people.actor.ann, attach_conversation_id=True)
    answered = await bob.post(f"/records/{record['id']}/answers", json={"text": "Try again."})
    answer = (await bob.get(f"/journal/{answered.json()['id']}")).json()
    subject, references = f"Re: {answer['subject']}", (answer["message_id"],)
    reply = await post.deliver(a_message(subject=subject, in_reply_to=answer["message_id"], references=references))
    assert (await bob.get(f"/journal/{reply}")).json()["record"] == record
    related = (await bob.get(f"/journal/{reply}/related")).json()
    assert {mail["id"] for mail in related} == {first, answer["id"]}
