"""Webhooks over the API: made, changed, tested, delivered again, removed."""

HOOK = {"name": "ticket system", "url": "https://127.0.0.1/hook", "events": ["mail.sent", "record.created"]}


async def make(client, **more):
    """Make a webhook; return its id."""
    made = await client.post("/webhooks", json=HOOK | more)
    assert made.status_code == 201, made.text
    assert made.json()["signing_key"].startswith("whsec_")
    return made.json()["id"]


async def test_a_webhook_is_made_and_changed(ann, bob):
    """Its key is shown once; agents see nothing of it."""
    hook = await make(ann)
    shown = (await ann.get(f"/webhooks/{hook}")).json()
    assert {name: shown[name] for name in HOOK} == HOOK | {"events": sorted(HOOK["events"])}
    assert "whsec_" not in str(shown) + (await ann.get("/webhooks")).text
    changed = (await ann.patch(f"/webhooks/{hook}", json={"enabled": False})).json()
    assert (changed["enabled"], changed["name"]) == (False, "ticket system")
    renewed = (await ann.post(f"/webhooks/{hook}/key")).json()
    assert renewed["signing_key"].startswith("whsec_")
    assert (await bob.get("/webhooks")).status_code == 403
    assert (await ann.delete(f"/webhooks/{hook}")).status_code == 204
    assert (await ann.get(f"/webhooks/{hook}")).status_code == 404


async def test_what_is_wrong_with_a_webhook_is_pointed_at(ann):
    """An unknown event, an address that is none, a name that is taken."""
    await make(ann)
    for changes, pointer in (
        ({"name": "x", "events": ["mail.eaten"]}, "#/events/0"),
        ({"name": "x", "url": "ftp://example.org"}, "#/url"),
        ({}, "#/name"),
    ):
        answer = await ann.post("/webhooks", json=HOOK | changes)
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_delivery_is_seen_and_asked_for_again(ann, people, workspace):
    """A test event fails where nobody listens; it can be delivered once more under the same id."""
    hook = await make(ann)
    asked = (await ann.post(f"/webhooks/{hook}/test")).json()
    await workspace.deliveries.deliver(people.one)
    (seen,) = (await ann.get(f"/webhooks/{hook}/deliveries")).json()["items"]
    assert (seen["id"], seen["event"], seen["attempts"], seen["state"]) == (asked["id"], "webhook.test", 1, "queued")
    assert seen["last_error"]
    await ann.patch(f"/webhooks/{hook}", json={"enabled": False})
    again = await ann.post(f"/webhooks/{hook}/deliveries/{asked['id']}/redeliver")
    assert (again.status_code, again.json()["state"], again.json()["attempts"]) == (202, "queued", 0)


async def test_what_happens_over_the_api_is_told(ann, bob):
    """A record that a person makes is an event for who wants it."""
    hook = await make(ann)
    record = (await bob.post("/records", json={"type": "incident", "fields": {"subject": "x"}})).json()
    (told,) = (await ann.get(f"/webhooks/{hook}/deliveries")).json()["items"]
    assert (told["event"], told["payload"]["record"]["id"]) == ("record.created", record["id"])


async def test_events_are_listed_with_their_meaning(ann):
    """A program can offer them."""
    names = [event["name"] for event in (await ann.get("/webhooks/events")).json()]
    assert {"mail.sent", "mail.bounced", "record.updated"} <= set(names)


async def test_webhooks_of_another_tenant_do_not_exist(ann, people):
    """Neither they nor their deliveries, also below one's own webhook."""
    hook, own = await make(ann), await make(people.zoe)
    delivery = (await ann.post(f"/webhooks/{hook}/test")).json()["id"]
    answers = [
        await people.zoe.get(f"/webhooks/{hook}"),
        await people.zoe.patch(f"/webhooks/{hook}", json={"enabled": False}),
        await people.zoe.delete(f"/webhooks/{hook}"),
        await people.zoe.post(f"/webhooks/{hook}/key"),
        await people.zoe.post(f"/webhooks/{hook}/test"),
        await people.zoe.get(f"/webhooks/{hook}/deliveries"),
        await people.zoe.post(f"/webhooks/{own}/deliveries/{delivery}/redeliver"),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
