"""The configuration over the API."""

import pytest

from mailport_workspace.tenants.values import MASK
from tests.workspace.forms import imap, oauth_inbox, smtp

ANY = {"If-Match": "*"}


async def put(client, form, **headers):
    answer = await client.put("/configuration", json=form, headers=headers or ANY)
    assert answer.status_code == 200, answer.text
    return answer


async def test_each_tenant_has_its_own_configuration(ann, zoe, workspace, people):  # CFG-01
    """What one tenant stores neither shows nor is used in the other."""
    await put(ann, smtp(host="one.example.test"))
    await put(zoe, smtp(host="two.example.test", user_name="two@example.test"))
    assert (await ann.get("/configuration")).json()["host"] == "one.example.test"
    accounts = [await workspace.configurations.account(tenant) for tenant in (people.one, people.two)]
    assert [account.settings.host for account in accounts] == ["one.example.test", "two.example.test"]
    assert accounts[0].settings.password != accounts[1].settings.password


async def test_agents_neither_read_nor_change_it(bob, ann):  # CFG-03
    """They get a problem document that names whom to ask."""
    calls = [
        await bob.get("/configuration"),
        await bob.put("/configuration", json=smtp(), headers=ANY),
        await bob.patch("/configuration", json={"block_outgoing_email": True}, headers=ANY),
        await bob.get("/configuration/export"),
        await bob.post("/configuration/import", json={"document": {}}),
        await bob.get("/inboxes"),
        await bob.post("/inboxes", json=imap()),
        await bob.get("/protocols"),
    ]
    assert {(call.status_code, call.json()["code"]) for call in calls} == {(403, "permission.administrator")}
    assert "host" not in (await ann.get("/configuration")).json()


async def test_a_change_needs_no_restart(ann, workspace, people):  # CFG-05
    """The next sender has it."""
    await put(ann, smtp(host="before.example.test"))
    before = await workspace.configurations.account(people.one)
    await put(ann, smtp(host="after.example.test"))
    after = await workspace.configurations.account(people.one)
    assert (before.settings.host, after.settings.host) == ("before.example.test", "after.example.test")


async def test_every_change_is_in_the_audit_history(ann, workspace, people):  # CFG-06
    """With user, time, field, old and new value; secrets are masked."""
    await put(ann, first := smtp())
    second = smtp(host="other.example.test")
    await put(ann, second)
    async with workspace.store.read(people.one) as rows:
        audit = await rows.audit(limit=1000)
    changes = {(entry.field, entry.old, entry.new) for entry in audit if entry.user_id == people.actor.ann.user}
    assert {("host", "mail.example.test", "other.example.test"), ("password", MASK, MASK)} <= changes
    texts = [text for entry in audit for text in (entry.old, entry.new)]
    assert not {first["password"], second["password"]} & set(texts)
    assert all(entry.at and entry.user_name for entry in audit)


async def test_a_secret_is_masked_and_stays_when_it_comes_back_masked(ann, workspace, people):  # CFG-07
    """Also with a patch that does not name it."""
    form = smtp()
    shown = (await put(ann, form)).json()
    assert shown["password"] == MASK
    await put(ann, shown)
    await ann.patch("/configuration", json={"block_outgoing_email": True}, headers=ANY)
    account = await workspace.configurations.account(people.one)
    assert account.settings.password.get_secret_value() == form["password"]
    assert account.rules.block_outgoing_email


async def test_a_stored_secret_does_not_go_to_another_host(ann):
    """Who changes where it goes enters it again; the problem points to the secret."""
    await put(ann, smtp())
    answer = await ann.patch("/configuration", json={"host": "evil.example.test"}, headers=ANY)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/password")


async def test_a_change_is_made_to_the_version_that_was_seen(ann):
    """A stale version is refused, and so is a change that does not say what it saw."""
    tag = (await put(ann, smtp())).headers["etag"]
    assert (await ann.get("/configuration")).headers["etag"] == tag
    newer = await ann.patch("/configuration", json={"block_outgoing_email": True}, headers={"If-Match": tag})
    assert (newer.status_code, newer.headers["etag"] != tag) == (200, True)
    for method in ("PUT", "PATCH"):
        stale = await ann.request(method, "/configuration", json=smtp(), headers={"If-Match": tag})
        assert (stale.status_code, stale.json()["code"]) == (412, "store.stale")
        for headers in ({}, {"If-Match": "3"}, {"If-Match": '"x"'}):
            blind = await ann.request(method, "/configuration", json=smtp(), headers=headers)
            assert (blind.status_code, blind.json()["code"]) == (428, "request.precondition")


@pytest.mark.parametrize(
    ("form", "pointer", "code"),
    [
        ({**smtp(), "host": ""}, "#/host", "settings.invalid"),
        (smtp(colour="red"), "#/colour", "settings.unknown_field"),
        (smtp(port="many"), "#/port", "settings.invalid"),
        (smtp(protocol="pigeon"), "#/protocol", "settings.protocol"),
        ({"host": "mail.example.test"}, "#/host", "settings.unknown_field"),
        (smtp(custom=[1]), "#/custom", "settings.invalid"),
        (smtp() | {"a/b~c": 1}, "#/a~1b~0c", "settings.unknown_field"),
    ],
)
async def test_a_problem_points_to_its_field(ann, form, pointer, code):
    """And repeats nothing of what was entered."""
    answer = await ann.put("/configuration", json=form, headers=ANY)
    found = {(problem["pointer"], problem["code"]) for problem in answer.json()["errors"]}
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert (pointer, code) in found
    assert form.get("password", "?") not in answer.text


async def test_custom_fields_are_merged(ann):
    """Null takes one away."""
    await put(ann, smtp(custom={"owner": "ann", "rack": 3}))
    shown = await ann.patch("/configuration", json={"custom": {"rack": None, "floor": 2}}, headers=ANY)
    assert shown.json()["custom"] == {"owner": "ann", "floor": 2}


async def test_another_protocol_forgets_the_fields_of_the_former(ann):
    """A patch that changes the protocol brings its own."""
    await put(ann, smtp())
    changed = await ann.patch("/configuration", json={"protocol": "maildir", "directory": "one"}, headers=ANY)
    assert "host" not in changed.text


async def test_another_component_type_disables_the_inboxes_and_says_so_before(ann, zoe):  # CMP-02
    """Of this tenant and of no other; beforehand each is listed with whether its authentication fits."""
    for client, domain in ((ann, "one.test"), (zoe, "two.test")):
        desk = imap(enabled=True, user_name=f"desk@{domain}")
        for inbox in (desk, oauth_inbox(name="Cloud", enabled=True, user_name=f"cloud@{domain}")):
            assert (await client.post("/inboxes", json=inbox)).status_code == 201
    affected = (await ann.get("/configuration/affected-inboxes", params={"component": "basic"})).json()
    assert {(inbox["name"], inbox["enabled"], inbox["fits"]) for inbox in affected} == {
        ("Incidents", False, False),
        ("Desk", True, True),
        ("Cloud", True, False),
    }
    await ann.patch("/configuration", json={"email_component_type": "basic"}, headers=ANY)
    enabled = [{inbox["name"] for inbox in (await c.get("/inboxes")).json() if inbox["enabled"]} for c in (ann, zoe)]
    assert enabled == [set(), {"Desk", "Cloud"}]


async def test_a_configuration_moves_to_another_tenant(ann, zoe, workspace, people):  # CFG-08
    """Without secrets, which the import asks for by name; they point to where they are to be entered."""
    await put(ann, form := smtp())
    await ann.post("/inboxes", json=imap(name="a/b"))
    document = (await ann.get("/configuration/export")).json()
    assert form["password"] not in str(document)
    assert document["secrets_needed"] == ["configuration.password", "inboxes.a/b.password"]
    refused = (await zoe.post("/configuration/import", json={"document": document})).json()
    pointers = [problem["pointer"] for problem in refused["errors"]]
    assert pointers == ["#/secrets/configuration.password", "#/secrets/inboxes.a~1b.password"]
    given = {name: f"entered-{name}" for name in document["secrets_needed"]}
    assert (await zoe.post("/configuration/import", json={"document": document, "secrets": given})).status_code == 204
    account = await workspace.configurations.account(people.two)
    assert account.settings.password.get_secret_value() == "entered-configuration.password"
