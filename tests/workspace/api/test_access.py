"""Who may call what: tokens, scopes, roles, and the users behind them."""

from datetime import timedelta

import pytest

from mailport_workspace.access.caller import Scope
from mailport_workspace.access.tokens import Tokens
from mailport_workspace.tables import now
from tests.workspace.api.conftest import token_of


async def test_a_token_is_shown_once_and_stored_as_a_digest(ann, visit, database):
    """The list says what it may do, never what it is."""
    made = (await ann.post("/tokens", json={"name": "desk", "scopes": ["mail:send", "configuration:read"]})).json()
    assert (await visit(made["token"]).get("/configuration")).status_code == 200
    listed = await ann.get("/tokens")
    assert [token["scopes"] for token in listed.json() if token["name"] == "desk"] == [["configuration:read", "mail:send"]]
    secret = made["token"].rpartition("_")[2]
    assert secret not in listed.text
    assert secret.encode() not in database.dump()


async def test_a_token_does_what_its_scopes_say(people, visit, workspace):
    """Each scope opens its own calls; the problem names the one that is missing."""
    reader = visit(await token_of(workspace, people.actor.ann, Scope.CONFIGURATION_READ))
    assert (await reader.get("/configuration")).status_code == 200
    refused = await reader.patch("/configuration", json={"block_outgoing_email": True}, headers={"If-Match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (403, "permission.scope")
    assert "configuration:write" in refused.json()["detail"]
    assert (await reader.get("/users")).status_code == 403
    assert (await reader.get("/session")).json()["scopes"] == ["configuration:read"]


async def test_a_token_ends(people, visit, workspace):
    """When it is revoked, when its time is over, and with its user."""
    at = now()
    tokens = Tokens(workspace.store, lambda: at)
    _, short = await tokens.create(people.actor.ann, name="short", scopes=[Scope.ADMIN], expires_at=at + timedelta(hours=1))
    row, long = await tokens.create(people.actor.ann, name="long", scopes=[Scope.ADMIN])
    assert (await tokens.caller(short)).actor.user == people.actor.ann.user
    at += timedelta(hours=1)
    with pytest.raises(Exception, match="not signed in"):
        await tokens.caller(short)
    assert (await visit(long).delete(f"/tokens/{row.id}")).status_code == 204
    assert (await visit(long).get("/session")).json()["code"] == "authentication.required"


async def test_a_token_is_never_more_than_its_user(ann, people, visit, workspace):
    """Who becomes an agent, or is shut out, takes the tokens along."""
    token = await token_of(workspace, people.actor.bob)
    bob = f"/users/{people.actor.bob.user}"
    assert (await ann.patch(bob, json={"role": "administrator"})).json()["role"] == "administrator"
    assert (await visit(token).get("/configuration")).status_code == 200
    await ann.patch(bob, json={"role": "agent"})
    assert (await visit(token).get("/configuration")).json()["code"] == "permission.administrator"
    await ann.patch(bob, json={"active": False})
    assert (await visit(token).get("/session")).status_code == 401


async def test_the_last_use_of_a_token_is_noted(ann, people, workspace):
    """Once a minute at most: a call that reads does not write each time."""
    at = now()
    tokens = Tokens(workspace.store, lambda: at)
    row, token = await tokens.create(people.actor.ann, name="noted", scopes=[Scope.ADMIN])
    used = []
    for wait in (timedelta(0), timedelta(seconds=59), timedelta(seconds=1)):
        at += wait
        await tokens.caller(token)
        used.append(next(r.last_used_at for r in await tokens.list(people.actor.ann) if r.id == row.id))
    assert used == [at - timedelta(minutes=1), at - timedelta(minutes=1), at]


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Basic eDp5", "Bearer mailport_{one}_{id}_{zeros}", "Bearer mailport_{two}_{rest}"]
)
async def test_what_is_no_token_opens_nothing(visit, people, header):  # SEC-04
    """Neither a guess nor the token of one tenant with the name of another."""
    token = people.ann.headers["Authorization"].removeprefix("Bearer ")
    _, one, row, secret = token.split("_")
    shown = header.format(one=one, two=people.two, id=row, zeros="0" * 64, rest=f"{row}_{secret}")
    stranger = visit()
    answer = await stranger.get("/configuration", headers={"Authorization": shown})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_a_token_beats_a_cookie(visit, people, workspace):
    """A call with a bad token is refused, whatever cookie comes along."""
    browser = visit()
    credential = await workspace.sign_ins.begin(people.actor.ann)
    browser.cookies.set("__Host-mailport", credential.text)
    assert (await browser.get("/session")).status_code == 200
    assert (await browser.get("/session", headers={"Authorization": "Bearer x"})).status_code == 401


async def test_users_are_managed_by_administrators(ann, bob, zoe):  # CFG-03
    """Within their tenant; nobody sees another tenant's."""
    form = {"email": "dan@example.test", "name": "Dan", "role": "agent", "password": "correct horse battery"}
    dan = (await ann.post("/users", json=form)).json()
    assert dan == {"id": dan["id"], "email": "dan@example.test", "name": "Dan", "role": "agent", "active": True}
    path = f"/users/{dan['id']}"
    assert (await ann.patch(path, json={"name": "Daniel"})).json()["name"] == "Daniel"
    assert (await ann.put(f"{path}/password", json={"password": "short"})).json()["errors"][0]["pointer"] == "#/password"
    assert (await ann.put(f"{path}/password", json={"password": "another horse battery"})).status_code == 204
    assert {(await bob.get(path)).status_code, (await bob.post("/users", json=form)).status_code} == {403}
    assert (await zoe.get(path)).status_code == (await zoe.patch(path, json={"role": "agent"})).status_code == 404
    assert [user["email"] for user in (await zoe.get("/users")).json()] == ["zoe@example.test"]


async def test_the_last_administrator_stays(ann, people):
    """The problem points to the role."""
    answer = await ann.patch(f"/users/{people.actor.ann.user}", json={"role": "agent"})
    assert (answer.status_code, answer.json()["code"]) == (422, "settings.last_administrator")
