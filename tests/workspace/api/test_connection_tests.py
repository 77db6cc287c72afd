"""Test Connection over the API."""

import asyncio
import json
import socket

import httpx2
import pytest
import uvicorn

from mailport_workspace.api.app import create_app
from tests.peers.ports import free_port
from tests.workspace.forms import smtp

ANY = {"If-Match": "*"}


def maildir(**more):
    """An account that sends into a folder of this machine."""
    return {"protocol": "maildir", "authentication": "none", "directory": "desk", "user_name": "desk@example.test"} | more


def nowhere(**more):
    """An account on a port where nothing listens."""
    form = {"protocol": "smtp", "authentication": "none", "use_ssl_tls": "none", "host": "127.0.0.1", "port": free_port()}
    return form | {"user_name": "desk@example.test", "send_mail_timeout": 5} | more


@pytest.fixture
async def desk(ann):
    """Tenant One sends into a folder; its administrator's client."""
    assert (await ann.put("/configuration", json=maildir(), headers=ANY)).status_code == 200
    return ann


async def outcome(client, workspace, **wish):
    """Ask for a test and run it as a worker would; how far it is then."""
    asked = await client.post("/connection-tests", json={"subject": "outgoing"} | wish)
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting"), asked.text
    await workspace.connection_tests.run(asked.json()["id"])
    return (await client.get(asked.headers["location"].removeprefix("/api/v1"))).json()


async def test_the_announcement_comes_first(desk, tmp_path):  # TST-01
    """It says that the connection is checked and where the mail goes then; nothing happens yet."""
    said = (await desk.post("/connection-tests/announcement", json={"subject": "outgoing"})).json()["text"]
    assert said == "This checks the connection. If that works, it sends a test mail to desk@example.test."
    assert list((tmp_path / "mail").rglob("new/*")) == []


async def test_the_last_result_is_kept_replaced_and_cleared(desk, workspace):  # TST-04 TST-05 TST-06
    """With outcome and time, and the message of a failure; clearing changes nothing else."""
    assert (await desk.get("/connection-tests/results/outgoing")).json() == {}
    failed = await outcome(desk, workspace, settings=nowhere())
    assert (failed["state"], failed["report"]["passed"]) == ("finished", False)
    last = (await desk.get("/connection-tests/results/outgoing")).json()
    assert (last["passed"], last["code"], bool(last["message"]), bool(last["at"])) == (False, "connect.refused", True, True)
    await outcome(desk, workspace)
    last = (await desk.get("/connection-tests/results/outgoing")).json()
    assert (last["passed"], "message" in last) == (True, False)
    before = (await desk.get("/configuration")).json()
    assert (await desk.delete("/connection-tests/results/outgoing")).status_code == 204
    assert (await desk.get("/connection-tests/results/outgoing")).json() == {}
    assert (await desk.get("/configuration")).json() == before


async def test_unsaved_values_are_tested(desk, workspace, tmp_path):  # TST-08
    """They are not saved, and a stored secret does not go where the form says."""
    done = await outcome(desk, workspace, settings=maildir(directory="other", user_name="other@example.test"))
    assert done["report"]["passed"]
    assert len(list((tmp_path / "mail" / "other" / "new").iterdir())) == 1
    assert (await desk.get("/configuration")).json()["directory"] == "desk"
    stored = smtp()
    await desk.put("/configuration", json=stored, headers=ANY)
    moved = {name: value for name, value in stored.items() if name != "password"} | {"host": "127.0.0.1"}
    refused = await desk.post("/connection-tests", json={"subject": "outgoing", "settings": moved})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/settings/password")
    bound = {name: value for name, value in stored.items() if name != "password"}
    assert (await desk.post("/connection-tests", json={"subject": "outgoing", "settings": bound})).status_code == 202


async def test_another_tenants_test_is_not_there(desk, zoe, bob):  # SEC-04
    """And an agent may not ask for one."""
    asked = (await desk.post("/connection-tests", json={"subject": "outgoing"})).json()["id"]
    for path in (f"/connection-tests/{asked}", f"/connection-tests/{asked}/events"):
        assert (await zoe.get(path)).status_code == 404
        assert (await bob.get(path)).status_code == 403
    assert (await bob.post("/connection-tests", json={"subject": "outgoing"})).status_code == 403


@pytest.fixture
async def served(workspace):
    """The address of a real server in this process."""
    config = uvicorn.Config(create_app(workspace), log_config=None, ws="none", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve([listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api/v1"
        server.should_exit = True
        await serving


async def test_every_rung_is_told_as_it_comes(desk, workspace, served):
    """By server-sent events, through a real server; the last one is the whole test."""
    asked = (await desk.post("/connection-tests", json={"subject": "outgoing"})).json()["id"]
    events = []
    async with httpx2.AsyncClient(headers=desk.headers) as client, asyncio.timeout(60):
        async with client.stream("GET", f"{served}/connection-tests/{asked}/events") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            running = asyncio.create_task(workspace.connection_tests.run(asked))
            lines = [line async for line in answer.aiter_lines() if line and not line.startswith(":")]
        await running
    events = [(name[7:], json.loads(data[6:])) for name, data in zip(lines[::2], lines[1::2], strict=True)]
    last = events[-1]
    assert (last[0], last[1]["report"]["passed"]) == ("finished", True)
    assert [rung for name, rung in events if name == "rung"] == last[1]["report"]["rungs"]
    assert len(events) > 3


async def test_a_browser_signs_in_over_a_real_server(served, people, workspace):  # SEC-06
    """The cookie comes back by itself, and changes nothing without the token."""
    await workspace.users.set_password(people.actor.ann, people.actor.ann.user, "correct horse battery")
    form = {"tenant": "One", "email": "ann@example.test", "password": "correct horse battery"}
    async with httpx2.AsyncClient(base_url=served) as browser:
        token = (await browser.post("/session", json=form)).json()["csrf_token"]
        assert (await browser.get("/configuration")).status_code == 200
        assert (await browser.patch("/configuration", json={}, headers=ANY)).json()["code"] == "permission.csrf"
        allowed = await browser.patch("/configuration", json={}, headers=ANY | {"X-CSRF-Token": token})
        assert allowed.status_code == 200
