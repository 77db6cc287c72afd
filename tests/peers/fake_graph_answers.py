"""Answers as Graph gives them, and what it refuses."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from tests.peers.fake_graph_http import Reply
from tests.peers.fake_graph_store import Item


class Refusal(Exception):
    """An error of Graph."""

    def __init__(self, status: int, code: str, message: str = "It is refused.", headers: Mapping[str, str] | None = None):
        super().__init__(code)
        self.reply = error(status, code, message, headers)


def error(status: int, code: str, message: str = "It is refused.", headers: Mapping[str, str] | None = None) -> Reply:
    """An error as Graph writes it."""
    number = secrets.token_hex(8)
    body = {"error": {"code": code, "message": message, "innererror": {"request-id": number, "date": "2026-11-24T00:00:00"}}}
    return answer(body, status, {"request-id": number, **(headers or {})})


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """JSON, with the headers that Graph sends."""
    named = {"Content-Type": "application/json; odata.metadata=minimal", "request-id": secrets.token_hex(8)}
    return Reply(status, json.dumps(value).encode(), {**named, **(headers or {})})


def message(item: Item) -> dict[str, Any]:
    """A message resource."""
    return {
        "@odata.etag": f'W/"{item.updated}"',
        "id": item.id,
        "internetMessageId": item.message_id,
        "subject": (item.draft or {}).get("subject") or item.header("Subject"),
        "receivedDateTime": item.received.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "isRead": item.seen,
        "isDraft": item.draft is not None,
        "hasAttachments": bool(item.files) or b"\nContent-Disposition: attachment" in item.raw,
        "parentFolderId": item.folder,
    }


def selected(resource: dict[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    """The properties that `$select` asks for."""
    if "$select" not in query:
        return resource
    names = {"id", *query["$select"].split(",")}
    return {name: value for name, value in resource.items() if name in names or name.startswith("@")}


def folder(key: str, name: str, parent: str) -> dict[str, Any]:
    """A mailFolder resource."""
    return {"id": key, "displayName": name, "parentFolderId": parent or "F-msgfolderroot", "childFolderCount": 0}
