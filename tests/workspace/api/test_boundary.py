"""What holds for every request, whatever it asks for."""

import json

import httpx2
import pytest

from mailport_workspace.api.app import LARGEST_BODY, ROUTERS, create_app
from mailport_workspace.sealing import new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.workspace import Workspace
from tests.workspace.api.conftest import BASE

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/session", 200),
    ("GET", "/nowhere", 404),
    ("DELETE", "/plugins", 405),
    ("GET", "/users/x", 422),
])  # fmt: skip
async def test_every_answer_is_guarded(ann, method, path, status):
    """No frame, no sniffing, no script, no copy in a cache; and an id by which the log lines are found."""
    answer = await ann.request(method, path)
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["strict-transport-security"]
    assert answer.headers["x-request-id"]


async def test_what_nobody_caught_tells_nothing(ann, workspace, caplog):
    """The answer has an id, the log has the cause and the same id."""
    del workspace.plugins
    answer = await ann.get("/plugins")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"
    assert "attribute" not in answer.text
    assert "has no attribute 'plugins'" in caplog.text


async def test_head_and_options_say_what_there_is(ann):
    """HEAD is GET without the body, OPTIONS and a wrong method name those that are allowed."""
    got, head = await ann.get("/configuration"), await ann.head("/configuration")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", got.headers["etag"])
    for answer in (await ann.options("/configuration"), await ann.delete("/configuration")):
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, PATCH, PUT"
    assert (await ann.options("/nowhere")).status_code == 404


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
async def test_only_json_is_read(ann, kind):  # SEC-06
    """Above all nothing that a form of another web site can send."""
    answer = await ann.post("/tokens", content=b'{"name": "x", "scopes": ["admin"]}', headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "http.unsupported_media_type")


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b"\xff", b'{"name": 1' + b"0" * 6000 + b"}", b'{"a":' * 20_000])
async def test_what_is_no_json_is_said_so(ann, body):
    """Whatever it is instead."""
    answer = await ann.patch("/configuration", content=body, headers=JSON | {"If-Match": "*"})
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_has_a_largest_size(ann):  # SEC-07
    """Said beforehand or not: not more than that is read."""
    text = json.dumps({"custom": {"x": "y" * LARGEST_BODY}}).encode()
    read = 0

    async def pieces():
        nonlocal read
        for start in range(0, 20 * len(text), 65536):
            read += 65536
            yield text[start % len(text) : start % len(text) + 65536]

    for content in (text, pieces()):
        answer = await ann.patch("/configuration", content=content, headers=JSON | {"If-Match": "*"})
        assert (answer.status_code, answer.json()["code"]) == (413, "http.content_too_large")
    assert read <= 2 * LARGEST_BODY


@pytest.mark.parametrize("value", ["\0", "\ud800", float("nan"), 10**400, [[]] * 3, "x" * 100_000])
async def test_strange_values_are_kept_or_refused(ann, value):  # SEC-07
    """Never half, and never as a failure of ours."""
    text = json.dumps({"custom": {"note": value}})
    answer = await ann.patch("/configuration", content=text, headers=JSON | {"If-Match": "*"})
    assert answer.status_code in {200, 422}
    if answer.status_code == 200:
        assert (await ann.get("/configuration")).json()["custom"]["note"] == value


@pytest.mark.parametrize("depth", [20, 100, 900])
async def test_deep_nesting_is_bounded(ann, depth):  # SEC-07
    """At a depth that every database and reader can work with."""
    text = '{"custom": {"x": ' + "[" * depth + "]" * depth + "}}"
    answer = await ann.patch("/configuration", content=text, headers=JSON | {"If-Match": "*"})
    assert answer.status_code == (200 if depth <= 20 else 422)


async def test_an_unknown_field_is_pointed_at(ann):
    """Together with everything else that is wrong."""
    answer = await ann.post("/tokens", json={"name": "x", "scopes": ["admin", "root"], "colour/": "red"})
    found = {problem["pointer"]: problem["code"] for problem in answer.json()["errors"]}
    assert found == {"#/colour~1": "request.unknown_field", "#/scopes/1": "request.enum"}
    assert "red" not in answer.text


async def test_a_bad_parameter_is_named(ann):
    """Those in the path and in the query have no place in the body."""
    answer = await ann.get("/configuration/affected-inboxes", params={"component": "x"})
    assert [problem.get("parameter") for problem in answer.json()["errors"]] == ["component"]


async def test_scripts_of_other_sites_are_let_in_by_name_only(visit, database):
    """Nobody by default; those that the operator names, and they may not use the cookie."""
    ask = {"Origin": "https://help.example.test", "Access-Control-Request-Method": "PATCH"}
    assert "access-control-allow-origin" not in (await visit().options("/configuration", headers=ask)).headers
    settings = WorkspaceSettings(database_url=database.application, keys=new_key("k"), cors_origins="https://help.example.test")
    async with Workspace(settings) as other, httpx2.AsyncClient(transport=httpx2.ASGITransport(create_app(other))) as client:
        allowed = await client.options(f"{BASE}/api/v1/configuration", headers=ask)
        denied = await client.options(f"{BASE}/api/v1/configuration", headers=ask | {"Origin": "https://evil.example.test"})
    assert allowed.headers["access-control-allow-origin"] == "https://help.example.test"
    assert not {"access-control-allow-credentials"} & set(allowed.headers)
    assert "access-control-allow-origin" not in denied.headers


async def test_the_document_is_complete(ann):
    """Every operation has a name of its own, a text, a resource, and says how it fails."""
    document = (await ann.get("/openapi.json")).json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) == sum(len(router.routes) for router in ROUTERS)
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert [o["operationId"] for o in operations if not o.get("description") or not o.get("tags")] == []
    for operation in operations:
        failures = {status: said["content"] for status, said in operation["responses"].items() if status >= "400"}
        assert {tuple(content) for content in failures.values()} == {("application/problem+json",)}
        assert {"422", "503"} <= set(failures)
