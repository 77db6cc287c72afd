"""Inboxes over the API."""

import pytest

from mailport_workspace.tenants.values import MASK
from tests.workspace.forms import imap, oauth_inbox

ANY = {"If-Match": "*"}


@pytest.fixture
async def inbox(ann):
    """The path of an inbox of tenant One."""
    answer = await ann.post("/inboxes", json=imap())
    assert answer.status_code == 201, answer.text
    return f"/inboxes/{answer.json()['id']}"


async def test_an_inbox_is_made_changed_and_deleted(ann, inbox):
    """What a patch does not name stays."""
    changed = await ann.patch(inbox, json={"name": "Help", "folder": "Support"}, headers=ANY)
    assert (changed.status_code, changed.json()["name"], changed.json()["folder"]) == (200, "Help", "Support")
    assert changed.json()["host"] == "mail.example.test"
    replaced = await ann.put(inbox, json=imap(name="Desk"), headers={"If-Match": changed.headers["etag"]})
    assert (replaced.json()["name"], "folder" in replaced.json()) == ("Desk", False)
    assert (await ann.delete(inbox)).status_code == 204
    assert (await ann.get(inbox)).json()["code"] == "store.missing"


async def test_a_stale_change_is_refused(ann, inbox):
    """Whoever changed it first is not overwritten."""
    tag = (await ann.get(inbox)).headers["etag"]
    assert (await ann.patch(inbox, json={"name": "First"}, headers={"If-Match": tag})).status_code == 200
    second = await ann.patch(inbox, json={"name": "Second"}, headers={"If-Match": tag})
    assert (second.status_code, (await ann.get(inbox)).json()["name"]) == (412, "First")
    assert (await ann.put(inbox, json=imap())).status_code == 428


async def test_secrets_of_inboxes_are_masked(ann, inbox):  # CFG-07
    """In the list and alone."""
    assert (await ann.get(inbox)).json()["password"] == MASK
    assert {shown.get("password", MASK) for shown in (await ann.get("/inboxes")).json()} == {MASK}


async def test_another_tenants_inbox_is_not_there(zoe, inbox):  # SEC-04
    """For no method."""
    calls = [
        await zoe.get(inbox),
        await zoe.put(inbox, json=imap(), headers=ANY),
        await zoe.patch(inbox, json={"name": "Mine"}, headers=ANY),
        await zoe.post(f"{inbox}/enable"),
        await zoe.post(f"{inbox}/disable"),
        await zoe.delete(inbox),
    ]
    assert {(call.status_code, call.json()["code"]) for call in calls} == {(404, "store.missing")}


async def test_enabling_checks_what_is_stored(ann, inbox):  # CMP-04
    """An authentication that the component type does not offer is named with those that it does."""
    assert (await ann.post(f"{inbox}/enable")).json()["enabled"] is True
    assert (await ann.post(f"{inbox}/disable")).json()["enabled"] is False
    cloud = (await ann.post("/inboxes", json=oauth_inbox(name="Cloud"))).json()["id"]
    await ann.patch("/configuration", json={"email_component_type": "basic"}, headers=ANY)
    answer = await ann.post(f"/inboxes/{cloud}/enable")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/authentication")
    assert "auth_login" in answer.text


async def test_an_inbox_whose_plugin_is_gone_can_be_put_away(ann, inbox, workspace, people):
    """A patch of what is done with its mail goes through without the plugin; one of the account says what is missing."""
    await ann.post(f"{inbox}/enable")
    async with workspace.store.write(people.one) as rows:
        row = await rows.inbox(inbox.rpartition("/")[2])
        row.values = row.values | {"protocol": "gone"}
    assert (await ann.get(inbox)).json()["protocol"] == "gone"
    assert (await ann.patch(inbox, json={"folder": "x"}, headers=ANY)).json()["errors"][0]["pointer"] == "#/protocol"
    assert (await ann.post(f"{inbox}/disable")).json()["enabled"] is False
