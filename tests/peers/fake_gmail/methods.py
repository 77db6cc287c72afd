"""What the methods of the API do."""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import getaddresses, make_msgid
from typing import TYPE_CHECKING, Any

from tests.peers.fake_gmail.mailbox import Mailbox, Stored

if TYPE_CHECKING:
    from tests.peers.fake_gmail.server import FakeGmail

_BCC = re.compile(rb"^bcc:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)
_MESSAGE_ID = re.compile(rb"^message-id:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)


class Refusal(Exception):
    """The API says no."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


@dataclass
class Call:
    """One call: the server, the user's mailbox, and the request's parts."""

    server: "FakeGmail"
    box: Mailbox
    path: dict[str, str]
    query: dict[str, list[str]]
    body: bytes

    def one(self, name: str, default: str = "") -> str:
        """A query parameter."""
        return self.query.get(name, [default])[0]

    @property
    def fields(self) -> Any:
        """The JSON body."""
        return json.loads(self.body)

    @property
    def stored(self) -> Stored:
        """The message that the path names."""
        found = self.box.messages.get(self.path["id"])
        if found is None:
            raise Refusal(404, "notFound", "Requested entity was not found.")
        return found

    def page(self, items: list[Any]) -> tuple[list[Any], dict[str, str]]:
        """One page of a list, and where the next one starts."""
        start = int(self.one("pageToken", "0"))
        asked = int(self.one("maxResults", "100"))
        assert 0 < asked <= 500, asked  # said in the description's words only
        end = start + min(asked, self.server.page_size)
        return items[start:end], {"nextPageToken": str(end)} if end < len(items) else {}


def get_profile(call: Call) -> dict[str, Any]:
    """Who it is."""
    count = len(call.box.messages)
    known = {"emailAddress": call.box.address, "historyId": str(call.box.history_id)}
    return {**known, "messagesTotal": count, "threadsTotal": count}


def send(call: Call) -> dict[str, Any]:
    """Send a message to the addresses in its headers, and keep a copy in Sent."""
    is_upload = "uploadType" in call.query
    raw = call.body if is_upload else urlsafe_b64decode(call.fields["raw"])
    recipients = _addressed(raw)
    if not recipients:
        raise Refusal(400, "invalidArgument", "Recipient address required")
    if call.server.refuses and call.server.refuses in raw:
        raise Refusal(400, "invalidArgument", "Invalid header")
    if call.server.replaces_message_ids:
        raw = _with_new_id(raw)
    own = ["INBOX", "UNREAD"] if call.box.address in recipients else []
    kept = call.box.add(raw, "SENT", *own)
    head, gap, body = raw.partition(b"\r\n\r\n")
    seen = _BCC.sub(b"", head + b"\r\n")[:-2] + gap + body
    call.server.deliver(seen, [address for address in recipients if address != call.box.address])
    return {"id": kept.key, "threadId": kept.key, "labelIds": sorted(kept.labels)}


def list_messages(call: Call) -> dict[str, Any]:
    """The ids of messages, the newest first."""
    hidden = call.one("includeSpamTrash") == "true"
    found = call.box.listed(call.query.get("labelIds", []), hidden=hidden)
    if query := call.one("q"):
        kind, _, wanted = query.partition(":")
        assert kind == "rfc822msgid", query
        found = [stored for stored in found if stored.header("Message-ID") == f"<{wanted}>"]
    page, more = call.page(found)
    listed = {"messages": [{"id": stored.key, "threadId": stored.key} for stored in page]} if page else {}
    return {**listed, "resultSizeEstimate": len(found), **more}


def get_message(call: Call) -> dict[str, Any]:
    """One message."""
    return call.stored.shown(call.one("format", "full"), call.query.get("metadataHeaders", []))


def list_history(call: Call) -> dict[str, Any]:
    """What happened since a history id; 404 where that was dropped."""
    since = int(call.one("startHistoryId"))
    if not call.box.oldest_history <= since <= call.box.history_id:
        raise Refusal(404, "notFound", "Requested entity was not found.")
    kinds = [_KINDS[kind] for kind in call.query.get("historyTypes", _KINDS)]
    records = [record for at, record in call.box.history if at > since]
    found = [kept for record in records if (kept := _concerned(record, kinds, call.one("labelId")))]
    page, more = call.page(found)
    return {**({"history": page} if page else {}), "historyId": str(call.box.history_id), **more}


_KINDS = {
    "messageAdded": "messagesAdded",
    "messageDeleted": "messagesDeleted",
    "labelAdded": "labelsAdded",
    "labelRemoved": "labelsRemoved",
}


def _concerned(record: dict[str, Any], kinds: list[str], label: str) -> dict[str, Any] | None:
    """The record, if it is of one of the kinds and its message has the label."""
    for kind in kinds:
        changes = [one for one in record.get(kind, ()) if not label or label in one["message"]["labelIds"]]
        if changes:
            return record | {kind: changes}
    return None


def list_labels(call: Call) -> dict[str, Any]:
    """All labels."""
    return {"labels": [_label(key, name) for key, name in call.box.labels.items()]}


def create_label(call: Call) -> dict[str, Any]:
    """A new label; names are compared without regard to case."""
    name = call.fields["name"]
    if call.box.label_id(name) is not None:
        raise Refusal(409, "aborted", "Label name exists or conflicts")
    key = f"Label_{len(call.box.labels)}"
    call.box.labels[key] = name
    return _label(key, name)


def _label(key: str, name: str) -> dict[str, Any]:
    return {"id": key, "name": name, "type": "system" if key == name else "user"}


def modify(call: Call) -> dict[str, Any]:
    """Change the labels of one message."""
    stored = call.stored
    _change(call, [stored.key])
    return {"id": stored.key, "threadId": stored.key, "labelIds": sorted(stored.labels)}


def batch_modify(call: Call) -> None:
    """Change the labels of many messages."""
    keys = call.fields["ids"]
    if not 0 < len(keys) <= 1000:
        raise Refusal(400, "invalidArgument", "Too many messages")
    if call.server.refuses_batches and not set(keys) <= set(call.box.messages):
        raise Refusal(404, "notFound", "Requested entity was not found.")
    _change(call, keys)


def _change(call: Call, keys: list[str]) -> None:
    add, remove = call.fields.get("addLabelIds", []), call.fields.get("removeLabelIds", [])
    if not {*add, *remove} <= set(call.box.labels):
        raise Refusal(400, "invalidArgument", "Invalid label")
    if not add and not remove:
        raise Refusal(400, "invalidArgument", "No label add or removes specified")
    call.box.change(keys, add, remove)


def trash(call: Call) -> dict[str, Any]:
    """Put a message into the trash."""
    stored = call.stored
    call.box.change([stored.key], ["TRASH"], ["INBOX"])
    return {"id": stored.key, "threadId": stored.key, "labelIds": sorted(stored.labels)}


def _addressed(raw: bytes) -> list[str]:
    parsed = BytesHeaderParser(policy=compat32).parsebytes(raw)
    values = [str(value) for name in ("To", "Cc", "Bcc") for value in parsed.get_all(name, [])]
    return list(dict.fromkeys(address for _, address in getaddresses(values) if address))


def _with_new_id(raw: bytes) -> bytes:
    """The message with an id of Gmail's own; the old one stays readable."""
    found = _MESSAGE_ID.search(raw)
    old = found[0] if found else b""
    new = f"Message-ID: {make_msgid(domain='mail.gmail.com')}\r\n".encode()
    return raw.replace(old, new + b"X-Google-Original-" + old, 1)


METHODS: dict[str, Callable[[Call], dict[str, Any] | None]] = {
    "gmail.users.getProfile": get_profile,
    "gmail.users.history.list": list_history,
    "gmail.users.labels.create": create_label,
    "gmail.users.labels.list": list_labels,
    "gmail.users.messages.batchModify": batch_modify,
    "gmail.users.messages.get": get_message,
    "gmail.users.messages.list": list_messages,
    "gmail.users.messages.modify": modify,
    "gmail.users.messages.send": send,
    "gmail.users.messages.trash": trash,
}
