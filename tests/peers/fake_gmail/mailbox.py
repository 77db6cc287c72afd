"""A Gmail mailbox: messages with labels, and the history of what happened to them."""

import itertools
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import Any

from tests.peers.fake_gmail.serving import now_ms

SYSTEM_LABELS = ("INBOX", "SPAM", "TRASH", "UNREAD", "STARRED", "IMPORTANT", "SENT", "DRAFT", "CHAT")
_ids = itertools.count(0x18C0_0000_0000_0000)


@dataclass
class Stored:
    """One message."""

    key: str
    raw: bytes
    date: int
    labels: set[str]
    history: int = 0

    def headers(self) -> list[dict[str, str]]:
        """Its headers as the API shows them."""
        parsed = BytesHeaderParser(policy=compat32).parsebytes(self.raw)
        return [{"name": name, "value": str(value)} for name, value in parsed.items()]

    def header(self, name: str) -> str:
        """One header, or an empty string."""
        return next((one["value"].strip() for one in self.headers() if one["name"].lower() == name.lower()), "")

    def shown(self, form: str, names: list[str]) -> dict[str, Any]:
        """The message in a `format` of messages.get."""
        answer: dict[str, Any] = {
            "id": self.key,
            "threadId": self.key,
            "labelIds": sorted(self.labels),
            "snippet": "",
            "historyId": str(self.history),
            "internalDate": str(self.date),
            "sizeEstimate": len(self.raw),
        }
        if form == "raw":
            answer["raw"] = urlsafe_b64encode(self.raw).decode()
        if form == "metadata":
            wanted = {name.lower() for name in names}
            headers = [one for one in self.headers() if not wanted or one["name"].lower() in wanted]
            answer["payload"] = {"mimeType": "text/plain", "headers": headers}
        return answer


@dataclass
class Mailbox:
    """One user's mail; `oldest_history` is the id before which the history was dropped."""

    address: str
    messages: dict[str, Stored] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=lambda: {name: name for name in SYSTEM_LABELS})  # name by id
    history: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    history_id: int = 1000
    oldest_history: int = 0

    def add(self, raw: bytes, *labels: str, date: int | None = None) -> Stored:
        """Put a message in."""
        stored = Stored(f"{next(_ids):x}", raw, date or now_ms(), set(labels))
        self.messages[stored.key] = stored
        stored.history = self._record("messagesAdded", [stored], {})
        return stored

    def change(self, keys: list[str], add: list[str], remove: list[str]) -> None:
        """Change the labels of messages; those that are gone are passed over, as Gmail does."""
        for stored in [self.messages[key] for key in keys if key in self.messages]:
            fresh, gone = set(add) - stored.labels, set(remove) & stored.labels
            stored.labels = (stored.labels | fresh) - gone
            for kind, labels in (("labelsAdded", fresh), ("labelsRemoved", gone)):
                if labels:
                    stored.history = self._record(kind, [stored], {"labelIds": sorted(labels)})

    def remove(self, key: str) -> None:
        """Delete a message for good."""
        self._record("messagesDeleted", [self.messages.pop(key)], {})

    def forget_history(self) -> None:
        """Drop the history, as Gmail does after a week or so."""
        self.history_id += 1
        self.oldest_history = self.history_id

    def listed(self, labels: list[str], *, hidden: bool) -> list[Stored]:
        """The messages with all of `labels`, the newest first."""
        found = [stored for stored in self.messages.values() if set(labels) <= stored.labels]
        found = [stored for stored in found if hidden or not stored.labels & {"SPAM", "TRASH"}]
        return sorted(found, key=lambda stored: (stored.date, stored.key), reverse=True)

    def label_id(self, name: str) -> str | None:
        """The id of a label, by name."""
        return next((key for key, known in self.labels.items() if known.lower() == name.lower()), None)

    def _record(self, kind: str, stored: list[Stored], more: dict[str, Any]) -> int:
        self.history_id += 7
        shown = [{"id": one.key, "threadId": one.key, "labelIds": sorted(one.labels)} for one in stored]
        record = {
            "id": str(self.history_id),
            "messages": [{"id": one["id"], "threadId": one["threadId"]} for one in shown],
            kind: [{"message": one, **more} for one in shown],
        }
        self.history.append((self.history_id, record))
        return self.history_id
