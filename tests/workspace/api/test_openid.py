"""Sign-in with OpenID Connect."""

import asyncio
import secrets
import socket
import time
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import uvicorn
from joserfc.jwk import RSAKey

from mailport_workspace.access import openid
from mailport_workspace.api.app import create_app
from mailport_workspace.sealing import new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tables import Role, now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.workspace import Workspace
from tests.peers.openid_fake import OpenIdFake, openid_app

BASE = "https://mailport.example.test"
PERSON = {"email": "Cy@Example.test", "email_verified": True, "name": "Cy", "tenant": "One", "roles": ["administrator"]}


@pytest.fixture
async def provider():
    """A provider that signs Cy in, an administrator of tenant One."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fake = OpenIdFake(issuer=f"http://127.0.0.1:{listening.getsockname()[1]}", claims=dict(PERSON))
        server = uvicorn.Server(uvicorn.Config(openid_app(fake), log_config=None, ws="none", timeout_graceful_shutdown=5))
        serving = asyncio.create_task(server.serve([listening]))
        yield fake
        server.should_exit = True
        await serving


@pytest.fixture
async def trusting(database, provider):
    """A workspace with tenant One that trusts the provider."""
    settings = WorkspaceSettings(
        database_url=database.application,
        operator_database_url=database.operator,
        keys=new_key("first"),
        egress_allowed="127.0.0.1",
        public_url=BASE,
        openid_issuer=provider.issuer,
        openid_client_id=provider.client_id,
        openid_client_secret=provider.client_secret,
    )
    async with Workspace(settings) as workspace:
        await found_tenant(workspace.store, "One")
        yield workspace


@pytest.fixture
async def browser(trusting):
    """A browser at the workspace."""
    transport = httpx2.ASGITransport(create_app(trusting), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url=f"{BASE}/api/v1") as client:
        yield client


async def sent(browser):
    """Begin, and let the provider send the browser back: where to."""
    begun = await browser.get("/session/openid")
    assert begun.status_code == 303, begun.text
    async with httpx2.AsyncClient() as outside:
        back = await outside.get(begun.headers["location"])
    assert back.headers["location"].startswith(f"{BASE}/api/v1/session/openid/callback?code=")
    return back.headers["location"]


async def test_whom_the_provider_names_is_signed_in(browser, trusting):
    """With the tenant and role that it names; the next time the same user, with today's role."""
    done = await browser.get(await sent(browser))
    assert (done.status_code, done.headers["location"]) == (303, "/")
    first = (await browser.get("/session")).json()
    assert (first["name"], first["role"]) == ("Cy", "administrator")
    assert await trusting.users.read(Actor.operator(first["tenant"]), first["user"]) == {
        "id": first["user"],
        "email": "cy@example.test",
        "name": "Cy",
        "role": "administrator",
        "active": True,
    }


async def another_administrator(trusting, tenant):
    """Make Dan one; the operator's actor."""
    operator, password = Actor.operator(tenant), secrets.token_urlsafe(16)
    await trusting.users.create(operator, email="dan@example.test", name="Dan", role=Role.ADMINISTRATOR, password=password)
    return operator


async def test_the_last_administrator_stays_one(browser, provider, caplog):
    """Whatever role the provider names; the log says so."""
    await browser.get(await sent(browser))
    provider.claims["roles"] = "helper"
    assert (await browser.get(await sent(browser))).status_code == 303
    assert (await browser.get("/session")).json()["role"] == "administrator"
    assert "the last administrator" in caplog.text


async def test_the_role_is_that_of_today(browser, provider, trusting):
    """Who is no administrator any more becomes an agent, where there is another one."""
    await browser.get(await sent(browser))
    before = (await browser.get("/session")).json()
    await another_administrator(trusting, before["tenant"])
    provider.claims["roles"] = "helper"
    await browser.get(await sent(browser))
    after = (await browser.get("/session")).json()
    assert (after["user"], after["role"]) == (before["user"], "agent")


@pytest.mark.parametrize(
    "spoiled",
    [
        {"iss": "https://other.example.test"},
        {"aud": "somebody-else"},
        {"nonce": "another"},
        {"exp": int(time.time()) - 3600},
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
        {"email": None},
        {"tenant": "Two"},
        {"tenant": None},
    ],
)
async def test_what_is_not_meant_for_us_lets_nobody_in(browser, provider, spoiled):
    """Another issuer, client, browser or time, no verified address, no tenant of ours."""
    provider.overrides = spoiled
    refused = await browser.get(await sent(browser))
    assert (refused.status_code, refused.json()["code"]) == (401, "authentication.openid")
    assert (await browser.get("/session")).status_code == 401


async def test_a_signature_of_another_key_lets_nobody_in(browser, provider):
    """The keys that count are those that the provider publishes."""
    provider.published = RSAKey.generate_key(2048, {"kid": "one"})
    assert (await browser.get(await sent(browser))).json()["code"] == "authentication.openid"


async def test_a_sign_in_ends_in_the_browser_that_began_it(browser, trusting):
    """An answer cannot be put into another browser, used twice, or come with another state."""
    transport = httpx2.ASGITransport(create_app(trusting), raise_app_exceptions=False)
    where = await sent(browser)
    state = parse_qs(urlsplit(where).query)["state"][0]
    async with httpx2.AsyncClient(transport=transport, base_url=BASE) as victim:
        assert (await victim.get(where)).status_code == 401
        assert (await victim.get(where, headers={"Cookie": "mailport_openid=v1.x.x"})).status_code == 401
    assert (await browser.get(where.replace(state, "other"))).status_code == 401
    assert (await browser.get(where)).status_code == 303
    assert (await browser.get(where)).status_code == 401


async def test_who_was_shut_out_stays_out(browser, trusting):
    """Whatever the provider says."""
    await browser.get(await sent(browser))
    session = (await browser.get("/session")).json()
    operator = await another_administrator(trusting, session["tenant"])
    await trusting.users.change(operator, session["user"], active=False)
    assert (await browser.get(await sent(browser))).json()["code"] == "authentication.refused"


async def test_a_stranger_does_not_make_us_ask_the_provider_without_end(browser, trusting, provider, monkeypatch):
    """Who begins too often is refused, others are not; the provider is asked who it is every few minutes only."""
    monkeypatch.setattr(openid, "BY_ADDRESS", replace(openid.BY_ADDRESS, burst=3, period=timedelta(hours=1)))
    said = [(await browser.get("/session/openid")).status_code for _ in range(5)]
    assert said == [303, 303, 303, 429, 429]
    assert (await trusting.openid.begin(BASE, address="192.0.2.1"))[0].startswith(provider.issuer)
    assert provider.described == 1
    later = now() + timedelta(minutes=6)
    monkeypatch.setattr(trusting.openid, "_clock", lambda: later)
    await trusting.openid.begin(BASE, address="192.0.2.1")
    assert provider.described == 2


async def test_without_a_provider_there_is_no_such_sign_in(visit):
    """And nothing is asked of anybody."""
    assert (await visit().get("/session/openid")).json()["code"] == "store.missing"
