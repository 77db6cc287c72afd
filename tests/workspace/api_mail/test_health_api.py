"""Health, figures and changes over the API."""

from datetime import timedelta

import httpx2
import pytest

from mailport_workspace.api.app import create_app
from mailport_workspace.tables import now


async def account_state(workspace, tenant, subject, **facts):
    """Let an account fare like that."""
    async with workspace.store.write(tenant) as rows:
        state = await rows.ensure_account_state(subject)
        for name, value in facts.items():
            setattr(state, name, value)


async def test_each_inbox_shows_how_it_fares(bob, people, post, workspace):  # LOG-03
    """Last poll, last success, last error and backlog, and in words whether it is well."""
    await post.deliver()
    (inbox,) = [inbox for inbox in (await bob.get("/health")).json()["inboxes"] if inbox["id"] == post.id]
    assert (inbox["condition"], inbox["words"], inbox["last_error"], inbox["backlog"]) == ("good", "It is read.", "", 0)
    assert inbox["last_success_at"] >= inbox["last_poll_at"][:10]
    async with workspace.store.write(people.one) as rows:
        row = await rows.inbox(post.id)
        row.failures, row.last_error, row.last_error_code, row.backlog = 3, "No route.", "connect.failed", 9
    (inbox,) = [inbox for inbox in (await bob.get("/health")).json()["inboxes"] if inbox["id"] == post.id]
    assert (inbox["condition"], inbox["words"]) == ("bad", "The last 3 polls failed: No route.")
    assert (inbox["last_error"], inbox["last_error_code"], inbox["backlog"]) == ("No route.", "connect.failed", 9)


async def test_an_inbox_that_nobody_reads_is_noticed(bob, people, post, workspace):
    """After two poll intervals without a success."""
    async with workspace.store.write(people.one) as rows:
        (await rows.inbox(post.id)).last_success_at = now() - timedelta(seconds=121)
    (inbox,) = [inbox for inbox in (await bob.get("/health")).json()["inboxes"] if inbox["id"] == post.id]
    assert inbox["condition"] == "bad"
    assert inbox["words"].startswith("Nobody has read it for more than two poll intervals")


async def test_an_open_circuit_is_seen_and_closed_by_a_person(ann, bob, people, outgoing, workspace):
    """The words say why nothing leaves; an administrator closes it."""
    await outgoing(people.actor.ann)
    async with workspace.store.read(people.one) as rows:
        version = (await rows.configuration()).version
    facts = {"circuit_opened_at": now(), "circuit_version": version, "circuit_error": "The password is wrong."}
    await account_state(workspace, people.one, "outgoing", circuit_code="authentication.refused", **facts)
    health = (await bob.get("/health")).json()["outgoing"]
    assert (health["condition"], health["words"].startswith("The password is wrong.")) == ("bad", True)
    assert (await bob.get("/outbox/account")).json()["circuit_open"] is True
    assert (await bob.post("/outbox/account/close-circuit")).status_code == 403
    assert (await ann.post("/outbox/account/close-circuit")).json() == {"was_open": True}
    assert (await bob.get("/outbox/account")).json()["circuit_open"] is False


async def test_a_person_closes_the_circuit_of_an_inbox(ann, bob, people, post, workspace):
    """It is read again at once; an agent and another tenant cannot."""
    async with workspace.store.read(people.one) as rows:
        version = (await rows.inbox(post.id)).version
    await account_state(workspace, people.one, post.id, circuit_opened_at=now(), circuit_version=version)
    (inbox,) = [inbox for inbox in (await bob.get("/health")).json()["inboxes"] if inbox["id"] == post.id]
    assert inbox["words"].startswith("The mail server refused the credentials.")
    path = f"/health/inboxes/{post.id}/close-circuit"
    assert [(await client.post(path)).status_code for client in (bob, people.zoe)] == [403, 404]
    assert (await ann.post(path)).json() == {"was_open": True}
    await post.deliver()
    (inbox,) = [inbox for inbox in (await bob.get("/health")).json()["inboxes"] if inbox["id"] == post.id]
    assert inbox["condition"] == "good"


@pytest.mark.parametrize(("days", "words"), [(-1, "ended on"), (10, "ends on"), (60, None)])
async def test_credentials_that_end_are_warned_of(ann, bob, people, post, days, words):
    """A month before, and once they have ended; the day is entered by an administrator."""
    day = (now().date() + timedelta(days=days)).isoformat()
    path = f"/health/credentials/{post.id}"
    assert [(await c.put(path, json={"ends_on": day})).status_code for c in (bob, people.zoe, ann)] == [403, 404, 204]
    warnings = (await bob.get("/health")).json()["warnings"]
    assert [(warning["subject"], words in warning["text"]) for warning in warnings] == ([(post.id, True)] if words else [])
    assert (await ann.put(path, json={"ends_on": None})).status_code == 204
    assert (await bob.get("/health")).json()["warnings"] == []


async def test_figures_count_what_there_is(bob, people, post):
    """Received mail, records by type and state; nothing of another tenant."""
    await post.deliver()
    figures = (await bob.get("/figures")).json()
    assert (figures["records"], figures["received_lately"], figures["quarantined"]) == ({"incident": {"new": 1}}, 1, 0)
    other = (await people.zoe.get("/figures")).json()
    assert (other["records"], other["received_lately"]) == ({}, 0)


async def test_life_and_readiness_are_told_to_anybody(workspace):
    """Without signing in and outside the API; without a database the process lives and is not ready."""
    transport = httpx2.ASGITransport(create_app(workspace))
    async with httpx2.AsyncClient(transport=transport, base_url="http://mailport.example.test") as anybody:
        assert (await anybody.get("/healthz")).json() == {"status": "alive"}
        assert (await anybody.get("/readyz")).json() == {"status": "ready"}


async def test_changes_are_listed_and_masked(ann, bob, people, outgoing):
    """Who changed what, the newest first, page by page; agents and other tenants do not see them."""
    await outgoing(people.actor.ann, authentication="auth_login", password="canary-1234")
    first = (await ann.get("/audit", params={"limit": 3})).json()
    second = (await ann.get("/audit", params={"limit": 200, "after": first["next"]})).json()
    changes = [*first["items"], *second["items"]]
    assert sorted(changes, key=lambda change: (change["at"], change["id"]), reverse=True) == changes
    named = (await ann.get("/audit", params={"field": "password"})).json()["items"]
    assert [(change["user_name"], change["new"]) for change in named] == [("Ann", named[0]["new"])]
    assert "canary" not in str(changes)
    assert (await bob.get("/audit")).status_code == 403
    assert [change for change in (await people.zoe.get("/audit")).json()["items"] if change["field"] == "password"] == []
