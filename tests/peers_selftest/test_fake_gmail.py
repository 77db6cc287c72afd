"""The judge of our Gmail lets nothing pass that Google's description forbids."""

import json

import pytest

from tests.peers.fake_gmail.contract import ContractViolation, GmailContract

SEND = "/upload/gmail/v1/users/me/messages/send"
MESSAGES = "/gmail/v1/users/me/messages"


@pytest.mark.parametrize(
    ("verb", "path", "query", "body"),
    [
        ("GET", f"{MESSAGES}/1", {"format": ["bytes"]}, b""),
        ("GET", MESSAGES, {"maxResults": ["many"]}, b""),
        ("GET", MESSAGES, {"labels": ["INBOX"]}, b""),
        ("GET", MESSAGES, {"q": ["a", "b"]}, b""),
        ("GET", MESSAGES, {}, b"{}"),
        ("POST", f"{MESSAGES}/batchModify", {}, b'{"ids": "1"}'),
        ("POST", f"{MESSAGES}/batchModify", {}, b'{"ids": [], "removeLabels": []}'),
        ("POST", f"{MESSAGES}/send", {}, b'{"raw": "not base64!"}'),
        ("POST", SEND, {"uploadType": ["multipart"]}, b"x"),
        ("POST", SEND, {"uploadType": ["media"]}, bytes(36_700_161)),
        ("GET", "/gmail/v1/users/me/everything", {}, b""),
        ("DELETE", MESSAGES, {}, b""),
    ],
)
def test_a_wrong_request_is_a_violation(verb: str, path: str, query: dict[str, list[str]], body: bytes) -> None:
    """Unknown paths, parameters, values and properties, and bodies where there is none, are violations."""
    contract = GmailContract()
    with pytest.raises(ContractViolation):
        contract.check_request(contract.operation(verb, path), query, "message/rfc822", body)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("profile", {"emailAddress": "a@example.test", "historyId": 7}),
        ("profile", {"address": "a@example.test"}),
        ("messages/1", {"id": "1", "raw": "a+b/"}),
        ("messages/1", {"id": "1", "internalDate": "today"}),
        ("messages", {"messages": [{"id": 1}]}),
        ("labels", {"labels": [{"id": "x", "type": "folder"}]}),
    ],
)
def test_a_wrong_answer_is_a_violation(path: str, answer: dict[str, object]) -> None:
    """A wrong type, an unknown property or value, and the wrong base64 alphabet are violations."""
    contract = GmailContract()
    with pytest.raises(ContractViolation):
        contract.check_answer(contract.operation("GET", f"/gmail/v1/users/me/{path}"), json.dumps(answer).encode())
