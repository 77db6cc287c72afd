"""Tabs, rules, options, templates and import connections over the API."""

import pytest

STYLESHEET = '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>'


async def made(client, path, form):
    answer = await client.post(path, json=form)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def test_rows_of_tabs(ann, zoe):
    """They are added, changed and removed, each checked at its field; another tenant's are not there."""
    row = await made(ann, "/tabs/ignored_subjects", {"word": "out of office*"})
    assert (await ann.patch(f"/tabs/rows/{row}", json={"word": "automatic reply*"})).status_code == 204
    assert "automatic reply*" in (await ann.get("/tabs/ignored_subjects")).text
    assert (await zoe.delete(f"/tabs/rows/{row}")).status_code == 404
    wrong = await ann.post("/tabs/senders", json={"word": "x y", "meaning": "maybe"})
    assert {problem["pointer"] for problem in wrong.json()["errors"]} == {"#/word", "#/meaning"}
    assert (await ann.get("/tabs/senders")).json()["choices"] == ["allow", "deny"]
    assert (await ann.delete(f"/tabs/rows/{row}")).status_code == 204
    assert (await ann.get("/tabs/nothing")).status_code == 422


async def test_incoming_rules_in_their_order(ann, zoe):
    """A rule is checked when it is stored."""
    form = {"conditions": [{"on": "subject", "value": "sale"}], "action": {"do": "ignore"}}
    first, second = [await made(ann, "/incoming-rules", form | {"name": name}) for name in ("first", "second")]
    assert (await ann.put("/incoming-rules/order", json={"order": [second, first]})).status_code == 204
    assert [rule["name"] for rule in (await ann.get("/incoming-rules")).json()] == ["second", "first"]
    assert (await ann.patch(f"/incoming-rules/{first}", json={"enabled": False})).status_code == 204
    assert (await ann.patch(f"/incoming-rules/{first}", json={"colour": 1})).json()["errors"][0]["pointer"] == "#/colour"
    assert (await zoe.patch(f"/incoming-rules/{first}", json={"enabled": True})).status_code == 404
    assert (await ann.delete(f"/incoming-rules/{first}")).status_code == 204


async def test_options_of_the_tenant(ann, zoe):
    """What is not named stays; other tenants keep theirs."""
    changed = await ann.patch("/configuration/options", json={"incident_on_failure": False})
    assert (changed.status_code, changed.json()["incident_on_failure"]) == (200, False)
    assert (await zoe.get("/configuration/options")).json()["incident_on_failure"] is True
    wrong = await ann.patch("/configuration/options", json={"max_body_text": 1, "colour": "red"})
    assert {problem["pointer"] for problem in wrong.json()["errors"]} == {"#/max_body_text", "#/colour"}


async def test_templates_are_produced_with_the_separators_of_the_inbox(ann, zoe):
    """They list the mandatory fields of a type of record."""
    inbox = (await ann.get("/inboxes")).json()[0]["id"]
    await ann.patch(f"/inboxes/{inbox}", json={"field_separator": "==>"}, headers={"If-Match": "*"})
    answer = await ann.get(f"/inboxes/{inbox}/template", params={"record_type": "incident"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert all("==>" in line for line in answer.text.splitlines() if line.strip() and "----" not in line)
    assert (await ann.get(f"/inboxes/{inbox}/template", params={"record_type": "pigeon"})).status_code == 404
    assert (await zoe.get(f"/inboxes/{inbox}/template", params={"record_type": "incident"})).status_code == 404


async def test_import_connections(ann, zoe):
    """A stylesheet is checked when it is stored."""
    connection = await made(ann, "/import-connections", {"name": "assets", "stylesheet": STYLESHEET})
    assert (await ann.patch(f"/import-connections/{connection}", json={"name": "things"})).status_code == 204
    assert [one["name"] for one in (await ann.get("/import-connections")).json()] == ["things"]
    wrong = await ann.post("/import-connections", json={"name": "x", "stylesheet": "<x"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "#/stylesheet")
    assert (await zoe.delete(f"/import-connections/{connection}")).status_code == 404


async def test_protocols_and_their_forms(ann):
    """Every installed protocol has a form for each of its directions, as schema and as fields."""
    protocols = (await ann.get("/protocols")).json()
    assert {"smtp", "imap", "maildir"} <= {protocol["key"] for protocol in protocols}
    for protocol in protocols:
        assert (await ann.get(f"/protocols/{protocol['key']}")).json() == protocol
        for direction in protocol["options"]:
            form = (await ann.get(f"/protocols/{protocol['key']}/form", params={"direction": direction})).json()
            options = [branch["properties"]["authentication"]["const"] for branch in form["json_schema"]["oneOf"]]
            assert options == protocol["options"][direction]
            assert "authentication" in [field["name"] for field in form["fields"]]


@pytest.mark.parametrize(("path", "status"), [("/protocols/pigeon", 404), ("/protocols/smtp/form?direction=incoming", 422)])
async def test_what_no_protocol_has(ann, path, status):
    """The problem says what there is."""
    answer = await ann.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["remedy"]


async def test_a_reload_of_plugins_reaches_other_processes(ann, bob, workspace, monkeypatch):
    """Each looks again once; an agent cannot ask for it."""
    looked = []
    await workspace.plugins.follow()
    assert (await ann.post("/plugins/reload")).json() == {"added": [], "removed": []}
    monkeypatch.setattr(workspace.mailport, "rediscover", lambda: looked.append("again"))
    for _ in range(2):
        await workspace.plugins.follow()
    assert looked == ["again"]
    assert {plugin["name"] for plugin in (await ann.get("/plugins")).json()} >= {"smtp", "maildir"}
    assert (await bob.post("/plugins/reload")).status_code == 403
