"""The fake Graph notices what breaks the vendor's contract, and Exchange's own rules."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.peers.fake_graph import FakeGraph
from tests.peers.fake_graph_contract import document, judge_answer, judge_request
from tests.peers.pki import Pki
from tests.peers.tokens import TokenIssuer

USER = "/users/agent@example.test"
pytestmark = pytest.mark.usefixtures("contract")
JSON = {"content-type": "application/json"}


@pytest.fixture
def contract() -> None:
    document()


@pytest.fixture
def fake(pki: Pki, token_issuer: TokenIssuer) -> Iterator[FakeGraph]:
    with FakeGraph(token_issuer, pki.server_context()) as service:
        service.mailbox("agent@example.test")
        yield service


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", f"{USER}/letters", None),
        ("GET", f"{USER}/messages?$limit=5", None),
        ("GET", f"{USER}/messages?$select=id,colour", None),
        ("POST", f"{USER}/sendMail", {"message": {"betreff": "x"}}),
        ("POST", f"{USER}/sendMail", {"mail": {}}),
        ("POST", f"{USER}/messages", {"toRecipients": "ann@example.test"}),
        ("PATCH", f"{USER}/messages/1", {"isRead": "yes"}),
        ("POST", f"{USER}/messages/1/move", {"destinationId": 5}),
        ("POST", "/$batch", {"requests": [{"id": "1", "url": "/users"}]}),
        ("POST", "/$batch", {"requests": [{"id": str(n), "method": "GET", "url": "/users"} for n in range(21)]}),
    ],
)
def test_a_bad_request_is_judged(method: str, target: str, body: Any) -> None:
    """An unknown path, option, property or type is a violation."""
    assert judge_request(method, target, JSON, b"" if body is None else json.dumps(body).encode())


def test_a_good_request_is_let_pass() -> None:
    """What the contract allows is no violation."""
    body = json.dumps({"message": {"subject": "x", "toRecipients": []}, "saveToSentItems": False}).encode()
    assert judge_request("POST", f"{USER}/sendMail", JSON, body) == []
    assert judge_request("GET", f"{USER}/mailFolders/inbox/messages/delta?$select=id&changeType=created", {}, b"") == []


@pytest.mark.parametrize(
    ("status", "body"), [(200, b'{"value": [{"colour": "red"}]}'), (200, b"no json"), (404, b'{"error": "gone"}')]
)
def test_a_bad_answer_is_judged(status: int, body: bytes) -> None:
    """The fake's own answers are held to the contract too."""
    assert judge_answer("GET", f"{USER}/messages", status, body)


def test_ids_that_may_change_are_a_violation(fake: FakeGraph, pki: Pki, token_issuer: TokenIssuer) -> None:
    """A request that does not ask for immutable ids is noticed, and so is one with a strange property."""
    connection = http.client.HTTPSConnection("127.0.0.1", fake.http.port, context=pki.client_context())
    headers = {"Authorization": f"Bearer {token_issuer.token('agent@example.test')}", "Content-Type": "application/json"}
    connection.request("POST", f"/v1.0{USER}/messages", json.dumps({"colour": "red"}), headers)
    assert connection.getresponse().status == 201
    connection.close()
    assert len(fake.violations) == 2


def test_a_forged_token_is_refused(fake: FakeGraph, pki: Pki, token_issuer: TokenIssuer) -> None:
    """Tokens are verified: forged and expired ones get 401."""
    for token in (token_issuer.forged_token("x"), token_issuer.token("x", expires_in=-5), ""):
        connection = http.client.HTTPSConnection("127.0.0.1", fake.http.port, context=pki.client_context())
        connection.request("GET", f"/v1.0{USER}/mailFolders", headers={"Authorization": f"Bearer {token}"})
        assert connection.getresponse().status == 401
        connection.close()
