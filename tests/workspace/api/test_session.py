"""Sign-in of people."""

import secrets
from dataclasses import replace
from datetime import timedelta

import pytest

from mailport.errors import AuthenticationFailed, Throttled
from mailport_workspace.access import sign_ins as limits
from mailport_workspace.access.gates import network_of
from mailport_workspace.access.sign_ins import BY_ACCOUNT, IDLE, LASTS, SignIns
from mailport_workspace.tables import Role, now
from mailport_workspace.tenants.actor import Actor


@pytest.fixture
async def form(workspace, people):
    """What Cy, an agent of tenant One, enters."""
    password = secrets.token_urlsafe(16)
    operator = Actor.operator(people.one)
    await workspace.users.create(operator, email="cy@example.test", name="Cy", role=Role.AGENT, password=password)
    return {"tenant": "one", "email": "cy@example.test", "password": password}


@pytest.fixture
async def cy(visit, form):
    """Cy's browser, signed in; every call carries the token against forged requests."""
    browser = visit()
    answer = await browser.post("/session", json=form)
    assert answer.status_code == 201
    browser.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    return browser


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(visit, form):  # SEC-06
    """Over https no neighbour can set it either."""
    answer = await visit().post("/session", json=form)
    said = answer.headers["set-cookie"].split("; ")
    assert said[0].startswith("__Host-mailport=mailport_")
    assert {"HttpOnly", "SameSite=lax", "Secure", "Path=/"} <= set(said)
    assert form["password"] not in answer.text
    plain = await visit(base="http://mailport.example.test").post("/session", json=form)
    assert plain.headers["set-cookie"].startswith("mailport=mailport_")


async def test_a_session_says_who_calls(cy, people):
    """With the same token against forged requests as at sign-in."""
    said = (await cy.get("/session")).json()
    assert said["csrf_token"] == cy.headers["X-CSRF-Token"]
    assert (said["tenant"], said["name"], said["role"]) == (people.one, "Cy", "agent")
    assert said["scopes"] == ["mail:read", "mail:send", "records:read", "records:write"]


@pytest.mark.parametrize(
    "wrong", [{"tenant": "nobody"}, {"email": "nobody@example.test"}, {"password": "wrong"}, {"tenant": "Two"}]
)
async def test_every_refusal_sounds_the_same(visit, form, wrong):
    """Nobody learns whether tenant, user or password is wrong."""
    answer = await visit().post("/session", json=form | wrong)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.json()["code"] == "authentication.refused"
    assert answer.json()["detail"] == "E-mail address or password is wrong."
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
async def test_a_forged_request_changes_nothing(cy, form, token):  # SEC-06
    """The cookie alone reads, and cannot end the session or set a password."""
    cy.headers["X-CSRF-Token"] = token
    change = {"current": form["password"], "new": secrets.token_urlsafe(16)}
    for answer in (await cy.delete("/session"), await cy.put("/session/password", json=change)):
        assert (answer.status_code, answer.json()["code"]) == (403, "permission.csrf")
    assert (await cy.get("/session")).status_code == 200


async def test_who_signed_out_is_out(cy, visit):
    """Also with a copy of the cookie."""
    copy = visit()
    copy.cookies.update(dict(cy.cookies.items()))
    assert (await copy.get("/session")).status_code == 200
    assert (await cy.delete("/session")).status_code == 204
    assert (await copy.get("/session")).json()["code"] == "authentication.required"


async def test_a_new_password_signs_everybody_else_out(cy, visit, form):
    """The browser that set it stays in, with a session of its own."""
    other = visit()
    await other.post("/session", json=form)
    change = {"current": form["password"], "new": secrets.token_urlsafe(16)}
    assert (await cy.put("/session/password", json=change | {"current": "wrong"})).json()["errors"][0]["pointer"] == "#/current"
    assert (await cy.put("/session/password", json=change)).status_code == 200
    assert (await cy.get("/session")).status_code == 200
    assert (await other.get("/session")).status_code == 401


async def test_too_many_tries_for_an_account_are_refused(visit, form):  # SEC-06
    """The answer says when to come back, and the right password does not help."""
    for _ in range(BY_ACCOUNT.burst):
        answer = await visit().post("/session", json=form | {"password": "wrong"})
        assert answer.status_code == 401
    answer = await visit().post("/session", json=form)
    assert (answer.status_code, answer.json()["code"]) == (429, "authentication.throttled")
    assert 0 < int(answer.headers["retry-after"]) <= BY_ACCOUNT.period.total_seconds() + 1


async def test_a_stranger_keeps_no_user_out(visit, form):
    """Who tries without end from one network is stopped there; the user comes from another."""
    stranger = visit(client=("192.0.2.1", 1))
    said = [(await stranger.post("/session", json=form | {"password": "wrong"})).status_code for _ in range(7)]
    assert said == [401] * BY_ACCOUNT.burst + [429] * 2
    assert (await visit().post("/session", json=form)).status_code == 201


async def test_many_networks_guess_no_faster_than_all_may(workspace, form, monkeypatch):
    """Those of one account count together, until its user is in."""
    monkeypatch.setattr(limits, "BY_ACCOUNT_ANYWHERE", replace(limits.BY_ACCOUNT_ANYWHERE, burst=3))
    at = now()
    sign_ins = SignIns(workspace.store, workspace.users, lambda: at)
    for number in range(3):
        with pytest.raises(AuthenticationFailed):
            await sign_ins.sign_in("One", form["email"], "wrong", address=f"192.0.2.{number}")
    with pytest.raises(Throttled):
        await sign_ins.sign_in("One", form["email"], form["password"], address="192.0.2.77")
    at += limits.BY_ACCOUNT_ANYWHERE.period
    for _ in range(4):
        assert await sign_ins.sign_in("One", form["email"], form["password"], address="192.0.2.77")


async def test_an_account_is_open_again_after_a_while(workspace, form):  # SEC-06
    """One more try for each period that passed; who signs in has all tries again."""
    at = now()
    later = SignIns(workspace.store, workspace.users, lambda: at)
    for _ in range(BY_ACCOUNT.burst):
        with pytest.raises(Exception, match="is wrong"):
            await later.sign_in("One", form["email"], "wrong", address="192.0.2.1")
    with pytest.raises(Exception, match="too many"):
        await later.sign_in("One", form["email"], form["password"], address="192.0.2.1")
    at += BY_ACCOUNT.period
    for _ in range(BY_ACCOUNT.burst + 1):
        assert await later.sign_in("One", form["email"], form["password"], address="192.0.2.1")


async def test_too_many_tries_from_an_address_are_refused(workspace, form):  # SEC-06
    """Whatever accounts they try; of IPv6, neighbours in one network count together."""
    at = now()
    sign_ins = SignIns(workspace.store, workspace.users, lambda: at)
    said = set()
    for number in range(32):
        with pytest.raises(Exception, match=r"is wrong|too many") as caught:
            await sign_ins.sign_in("One", f"user{number}@example.test", "wrong", address=f"2001:db8::{number}")
        said.add(type(caught.value).__name__)
    assert said == {"AuthenticationFailed", "Throttled"}
    assert await sign_ins.sign_in("One", form["email"], form["password"], address="2001:db8:0:1::1")


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8::7", "2001:db8::/64"), ("", "")],
)
def test_whose_an_address_is(address, network):
    """An address of IPv4 that is written as one of IPv6 is still one customer's, and not all of theirs."""
    assert network_of(address) == network


@pytest.mark.parametrize(("wait", "is_in"), [(IDLE / 2, True), (IDLE, False), (LASTS, False)])
async def test_a_session_ends_by_itself(workspace, form, wait, is_in):
    """When nobody uses it, and after half a day in any case."""
    at = now()
    sign_ins = SignIns(workspace.store, workspace.users, lambda: at)
    credential = await sign_ins.sign_in("One", form["email"], form["password"], address="192.0.2.1")
    for _ in range(3 if is_in else 1):
        at += wait
        if is_in:
            assert (await sign_ins.caller(credential.text)).actor.name == "Cy"
        else:
            with pytest.raises(Exception, match="not signed in"):
                await sign_ins.caller(credential.text)


async def test_a_used_session_ends_after_half_a_day(workspace, form):
    """However busy its user is."""
    at = start = now()
    sign_ins = SignIns(workspace.store, workspace.users, lambda: at)
    credential = await sign_ins.sign_in("One", form["email"], form["password"], address="192.0.2.1")
    while at + timedelta(hours=1) < start + LASTS:
        at += timedelta(hours=1)
        await sign_ins.caller(credential.text)
    at = start + LASTS
    with pytest.raises(Exception, match="not signed in"):
        await sign_ins.caller(credential.text)
