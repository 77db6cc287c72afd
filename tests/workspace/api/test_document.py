"""The OpenAPI document tells the truth: schemathesis makes requests of it, and judges every answer by it."""

import asyncio

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from mailport_workspace.api.app import create_app
from mailport_workspace.sealing import new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tenants import users
from mailport_workspace.workspace import Workspace
from tests.workspace.api.fuzzing import TINY_HASHER, settle_two

BASE = "https://mailport.example.test"
JUDGES = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
schemathesis.serializer.alias("message/rfc822", "text/plain")
QUIET = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck), "phases": [Phase.generate]}


@pytest.fixture
def runner():
    """The event loop in which the workspace lives."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def client(runner, sqlite, tmp_path, monkeypatch):
    """An administrator's client of a tenant with a row in every table."""
    monkeypatch.setattr(users, "_hasher", TINY_HASHER)
    path = tmp_path / "mailport.db"
    path.write_bytes(sqlite.read_bytes())
    workspace = Workspace(WorkspaceSettings(database_url=f"sqlite+aiosqlite:///{path}", keys=new_key("k")))
    token = runner.run(settle_two(workspace, path))[0].token
    transport = httpx2.ASGITransport(create_app(workspace), raise_app_exceptions=False)
    yield httpx2.AsyncClient(transport=transport, headers={"Authorization": f"Bearer {token}"})
    runner.run(workspace.close())


async def ask(client, case):
    """Send what schemathesis made up."""
    made = requests.Request(**case.as_transport_kwargs(BASE)).prepare()
    return await client.request(made.method, made.url, headers=dict(made.headers), content=made.body)


@pytest.mark.parametrize("examples", [300, pytest.param(1_000, marks=pytest.mark.slow)])
def test_every_answer_is_as_the_document_says(client, runner, examples):
    """In status, content type, headers and shape, whatever is asked; and it is never a failure of ours."""
    schema = schemathesis.openapi.from_dict(runner.run(client.get(f"{BASE}/api/v1/openapi.json")).json())
    operations = [found.ok() for found in schema.get_all_operations()]

    @settings(max_examples=examples, **QUIET)
    @given(st.one_of([operation.as_strategy() for operation in operations]))
    def judge(case):
        case.validate_response(runner.run(ask(client, case)), checks=JUDGES)

    judge()
