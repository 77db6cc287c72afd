"""The operator over the API: tenants, health and plugins of the deployment, and nothing that belongs to a tenant."""

import asyncio
import secrets
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from mailport import Message
from mailport_workspace.access.operators import Operators
from mailport_workspace.database import make_engine
from mailport_workspace.tables import Worker, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.directory import COMMAND_LINE
from tests.workspace.forms import imap, smtp

ANN = {"email": "ann@example.org", "name": "Ann"}


@pytest.fixture
async def token(workspace):
    """The operator's token."""
    return await workspace.operators.create(COMMAND_LINE, "console")


@pytest.fixture
def operator(visit, token):
    """The operator's client."""
    return visit(token)


async def made(operator, name="Example Ltd"):
    """Make a tenant; its id."""
    return (await operator.post("/tenants", json={"name": name})).json()["id"]


async def signed_in(visit, tenant, password, email="ann@example.org"):
    """Sign in as that user: the status."""
    return (await visit().post("/session", json={"tenant": tenant, "email": email, "password": password})).status_code


async def test_a_tenant_is_made_with_its_first_administrator(operator, visit):
    """Who signs in with the password of the answer."""
    created = await operator.post("/tenants", json={"name": "Example Ltd"})
    assert (created.status_code, created.json()["name"]) == (201, "Example Ltd")
    where = created.headers["location"].removeprefix("/api/v1")
    assert (await operator.get(where)).json() == created.json()
    answer = await operator.post(f"{where}/administrators", json=ANN)
    assert answer.status_code == 201, answer.text
    assert await signed_in(visit, "Example Ltd", answer.json()["password"]) == 201


async def test_only_the_first_administrator_is_made(operator, people):
    """Else the operator could let itself into a tenant; of two at once one is refused."""
    refused = await operator.post(f"/tenants/{people.one}/administrators", json=ANN)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission.has_administrator")
    where = f"/tenants/{await made(operator)}/administrators"
    two = [operator.post(where, json={**ANN, "email": f"{name}@example.org"}) for name in ("ann", "eve")]
    assert sorted(answer.status_code for answer in await asyncio.gather(*two)) == [201, 403]


async def test_a_given_password_is_not_repeated(operator, visit):
    """It is the caller's; the answer has none."""
    password = secrets.token_urlsafe(16)
    answer = await operator.post(f"/tenants/{await made(operator)}/administrators", json={**ANN, "password": password})
    assert password not in answer.text
    assert await signed_in(visit, "Example Ltd", password) == 201


@pytest.mark.parametrize("name", ["One", " one ", "", "  "])
async def test_names_of_tenants_are_their_own(operator, people, name):
    """A taken or empty name is refused at its field, when a tenant is made or renamed."""
    for call in (operator.post("/tenants", json={"name": name}), operator.patch(f"/tenants/{people.two}", json={"name": name})):
        refused = await call
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/name"), refused.text


async def test_tenants_are_listed_in_pages(operator, people):
    """By name; a part of the name finds them."""
    first = (await operator.get("/tenants?limit=1")).json()
    second = (await operator.get(f"/tenants?limit=1&after={first['next']}")).json()
    assert [page["items"][0]["id"] for page in (first, second)] == [people.one, people.two]
    assert second["next"] is None
    assert [tenant["name"] for tenant in (await operator.get("/tenants?text=tW")).json()["items"]] == ["Two"]


async def test_a_renamed_tenant_is_signed_in_to_by_its_new_name(operator, workspace, visit):
    """The change stands in the history of the deployment, and in that of the tenant."""
    tenant = await made(operator)
    password = (await operator.post(f"/tenants/{tenant}/administrators", json=ANN)).json()["password"]
    assert (await operator.patch(f"/tenants/{tenant}", json={"name": "Sample"})).json()["name"] == "Sample"
    assert [await signed_in(visit, name, password) for name in ("Sample", "Example Ltd")] == [201, 401]
    changes = (await operator.get("/deployment/changes")).json()["items"]
    renamed = {"operator": "console", "tenant_id": tenant, "field": "name", "old": "Example Ltd", "new": "Sample"}
    assert renamed.items() <= changes[0].items()
    assert [change["field"] for change in changes] == ["name", "first administrator", "exists", "exists"]
    async with workspace.store.read(tenant) as rows:
        latest = (await rows.audit())[0]
    assert (latest.user_name, latest.subject, latest.field, latest.new) == ("operator (console)", "tenant", "name", "Sample")


async def test_nobody_comes_into_a_disabled_tenant(operator, people, workspace, visit):
    """Neither by password, nor with a cookie or token that was valid; afterwards all is as before."""
    password = secrets.token_urlsafe(16)
    await workspace.users.set_password(Actor.operator(people.one), people.actor.ann.user, password)
    browser = visit()
    await browser.post("/session", json={"tenant": "One", "email": "ann@example.test", "password": password})
    assert (await operator.patch(f"/tenants/{people.one}", json={"disabled": True})).json()["disabled_at"] is not None
    assert [(await client.get("/session")).status_code for client in (people.ann, browser, people.zoe)] == [401, 401, 200]
    assert await signed_in(visit, "One", password, "ann@example.test") == 401
    assert (await operator.patch(f"/tenants/{people.one}", json={"disabled": False})).json()["disabled_at"] is None
    assert [(await client.get("/session")).status_code for client in (people.ann, browser)] == [200, 200]


async def test_no_mail_comes_or_goes_while_a_tenant_is_disabled(operator, people, workspace):
    """Its mail and inboxes wait until it is enabled."""
    await workspace.configurations.save(people.actor.ann, smtp())
    await workspace.inboxes.create(people.actor.ann, imap(name="Desk", enabled=True))
    message = Message.compose(sender="desk@example.test", to="bob@example.test", subject="Hello", text="Hello.")
    submitted = await workspace.outbox.submit(people.one, message)
    for disabled in (True, False):
        await operator.patch(f"/tenants/{people.one}", json={"disabled": disabled})
        async with workspace.store.survey() as rows:
            moment = now() + timedelta(seconds=10)
            due = [await rows.due_outbox(moment, lost_before=now()), await rows.due_shards(moment)]
        assert [bool(found) for found in due] == [not disabled, not disabled]
        if disabled:
            await workspace.outbox.drain(people.one)
            async with workspace.store.read(people.one) as rows:
                assert (await rows.outbox_entry(submitted.outbox_id)).state == "queued"
                assert await rows.account_states() == {}


async def test_an_operator_opens_nothing_of_a_tenant(operator, ann, people):
    """And nobody of a tenant is an operator, whatever the scopes."""
    refused = await operator.get("/journal")
    assert (refused.status_code, refused.json()["code"]) == (401, "authentication.operator")
    for path in ("/tenants", f"/tenants/{people.one}", "/deployment/health", "/deployment/plugins", "/deployment/changes"):
        refused = await ann.get(path)
        assert (refused.status_code, refused.json()["code"]) == (403, "permission.operator")


async def test_strangers_are_no_operators(visit, workspace, token):
    """Nor is a token that was changed, has ended or was revoked."""
    forged = f"{token[:-1]}{'0' if token[-1] != '0' else '1'}"
    soon = now() + timedelta(seconds=60)
    passing = visit(await workspace.operators.create(COMMAND_LINE, "passing", expires_at=soon))
    await workspace.operators.revoke(COMMAND_LINE, "console")
    for client in (visit(), visit("nonsense"), visit(forged), visit(token)):
        assert (await client.get("/tenants")).status_code == 401
    assert (await passing.get("/tenants")).status_code == 200
    workspace.operators = Operators(workspace.store, clock=lambda: soon)
    assert (await passing.get("/tenants")).status_code == 401


async def test_health_is_told_across_tenants(operator, people, workspace):
    """Who works, what waits, and which inboxes stand still; without a word of a tenant's own."""
    marker = f"secret{secrets.token_hex(8)}"
    inbox = await workspace.inboxes.create(people.actor.ann, imap(name=marker, enabled=True))
    async with workspace.store.write(people.one) as rows:
        row = await rows.inbox(inbox)
        row.failures, row.last_error, row.last_error_code = 3, f"LOGIN {marker} refused", "authentication.refused"
    async with workspace.store.operate() as rows:
        await rows.add(Worker(host="here"))
    answer = await operator.get("/deployment/health")
    health = answer.json()
    assert (health["workers"], health["inboxes_failing"], health["storage"]) == (1, 1, None)
    stuck = {"tenant": people.one, "inbox": inbox, "failures": 3, "code": "authentication.refused"}
    assert stuck.items() <= health["stuck_inboxes"][0].items()
    listed = await operator.get("/tenants")
    assert [tenant["figures"]["inboxes_failing"] for tenant in listed.json()["items"]] == [1, 0]
    assert marker not in answer.text + listed.text


async def test_plugins_are_reloaded_for_the_deployment(operator, workspace):
    """Every process follows, and the history tells who asked."""
    assert {plugin["name"] for plugin in (await operator.get("/deployment/plugins")).json()} >= {"maildir"}
    assert (await operator.post("/deployment/plugins/reload")).json() == {"added": [], "removed": []}
    async with workspace.store.survey() as rows:
        assert (await rows.fact("plugins"))["reloads"] == 1
    assert (await operator.get("/deployment/changes")).json()["items"][0]["subject"] == "plugins"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_the_application_has_no_right_to_what_is_the_operators(database):
    """Where roles differ, a statement that was smuggled in finds no token and forges none."""
    engine = make_engine(database.application)
    for table in ("operator_tokens", "deployment_changes"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with engine.connect() as connection:
                await connection.execute(text(f"SELECT * FROM {table}"))
    await engine.dispose()
