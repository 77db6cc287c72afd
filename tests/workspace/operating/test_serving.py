"""The processes of a deployment, started and stopped as an operator does it."""

import asyncio
import signal
import socket
import time

import httpx2
import pytest
from pydantic import ValidationError
from starlette.responses import Response

from mailport_workspace.deployment.serving import Server, listen
from mailport_workspace.settings import WorkspaceSettings
from tests.peers.ports import HOST, free_port


def answers(url, running, **options):
    """Ask until there is an answer; the process must not end meanwhile."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert running.poll() is None, running.communicate()[1]
        try:
            return httpx2.get(url, **options)
        except httpx2.TransportError:
            time.sleep(0.05)
    raise TimeoutError(url)


def ended(running, number=signal.SIGTERM):
    """Ask the process to end; its exit code and what it logged."""
    running.send_signal(number)
    _, log = running.communicate(timeout=30)
    return running.returncode, log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_api_is_served_until_it_is_asked_to_end(deployment, process, number):
    """On either signal it ends cleanly, without a traceback."""
    port = free_port()
    running = process("serve", "--port", port)
    assert answers(f"http://{HOST}:{port}/api/v1/session", running).status_code == 401
    code, log = ended(running, number)
    assert (code, "Traceback" in log) == (0, False)
    assert f"http://{HOST}:{port}/api/v1" in log


def test_a_worker_works_until_it_is_asked_to_end(deployment, process, command):
    """It is in the list of workers while it lives, and not afterwards."""
    running = process("worker")
    deadline = time.monotonic() + 30
    while not found(command, "workers").startswith("1 alive"):
        assert running.poll() is None, running.communicate()[1]
        assert time.monotonic() < deadline
    assert ended(running)[0] == 0
    assert found(command, "workers").startswith("No worker is alive")


def found(command, check):
    """What the check-up says about one thing."""
    return next(row["said"] for row in command("doctor", "--json").told if row["name"] == check)


def test_a_database_file_has_one_worker(deployment, process, command):
    """The second one refuses to start and says why; on PostgreSQL it works as well."""
    first = process("worker")
    while not found(command, "workers").startswith("1 alive"):
        assert first.poll() is None, first.communicate()[1]
    second = process("worker")
    if "sqlite" in deployment.database_url:
        _, log = second.communicate(timeout=30)
        assert (second.returncode, "worker of" in log) == (3, True)
    else:
        while not found(command, "workers").startswith("2 alive"):
            assert second.poll() is None, second.communicate()[1]
        assert ended(second)[0] == 0
    assert ended(first)[0] == 0


def test_a_port_that_is_taken_is_told(deployment, process):
    """In one sentence, with the option at fault."""
    with socket.create_server((HOST, 0)) as taken:
        taken_port = taken.getsockname()[1]
        running = process("serve", "--port", taken_port)
        _, log = running.communicate(timeout=30)
    assert (running.returncode, "--port" in log, "Traceback" in log) == (3, True, False)
    assert f"port {taken_port}: Address already in use.\n" in log


@pytest.mark.parametrize(
    ("proxies", "is_believed"), [("127.0.0.1", True), ("10.0.0.0/8,127.0.0.0/8", True), ("10.0.0.1", False)]
)
async def test_who_calls_is_what_a_trusted_proxy_says(proxies, is_believed):
    """The operator names them; what anybody else says of the caller does not count."""

    async def said(scope, receive, send):
        await Response(f"{scope['client'][0]} {scope['scheme']}")(scope, receive, send)

    trusted = WorkspaceSettings(trusted_proxies=proxies).trusted_proxies
    server = Server(said, listen(HOST, 0, field="--port"), proxies=trusted)
    serving = asyncio.create_task(server.serve())
    async with httpx2.AsyncClient() as client:
        answer = await client.get(server.url, headers={"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"})
    server.should_exit = True
    await serving
    assert answer.text == ("192.0.2.7 https" if is_believed else f"{HOST} http")


def test_a_proxy_that_is_no_address_is_refused():
    """Else nobody would be believed, and nobody told."""
    with pytest.raises(ValidationError, match="trusted_proxies"):
        WorkspaceSettings(trusted_proxies="proxy.example.test")


@pytest.mark.parametrize("alone", [True, False])
def test_metrics_are_served_where_the_operator_says(deployment, process, alone):
    """On a port of their own, or with a token beside the API; without a token not there at all."""
    port, own = free_port(), free_port()
    settings = {"MAILPORT_METRICS_PORT": str(own)} if alone else {"MAILPORT_METRICS_TOKEN": "generated-for-this-test"}
    running = process("serve", "--port", port, **settings)
    place = f"http://{HOST}:{own if alone else port}/metrics"
    answer = answers(place, running, headers={} if alone else {"Authorization": "Bearer generated-for-this-test"})
    assert (answer.status_code, "mailport_database_up 1.0" in answer.text) == (200, True)
    refused = httpx2.get(f"http://{HOST}:{port}/metrics")
    assert refused.status_code == (404 if alone else 401)
    assert ended(running)[0] == 0


def test_the_embedded_database_migrates_itself(tmp_path, process, monkeypatch):
    """An empty folder is enough; the second start finds what the first one made."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        port = free_port()
        running = process("serve", "--port", port)
        assert answers(f"http://{HOST}:{port}/api/v1/session", running).status_code == 401
        assert ended(running)[0] == 0
    assert {"mailport.db", "mailport.keys"} <= {path.name for path in tmp_path.iterdir()}
