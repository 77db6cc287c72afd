"""The state of the fake beyond one mailbox: who may do what, what was delivered, which uploads are under way."""

import re
import secrets
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any

from tests.peers.fake_graph_answers import Refusal, answer
from tests.peers.fake_graph_http import Reply, Request
from tests.peers.fake_graph_store import File, Item, Mailbox

_RANGE_UNIT = 320 * 1024
_RANGE_LIMIT = 4 * 1024 * 1024


@dataclass
class Delivered:
    """A message that left, and to whom."""

    recipients: list[str]
    raw: bytes


@dataclass
class _Upload:
    item: Item
    wanted: dict[str, Any]
    content: bytearray = field(default_factory=bytearray)


class World:
    """What tests may look at and change at any time."""

    def __init__(self) -> None:
        self.service = ""
        self.mailboxes: dict[str, Mailbox] = {}
        self.permissions = {"Mail.Send", "Mail.Read", "Mail.ReadWrite"}
        self.senders: set[str] = set()  # further addresses that every mailbox may send as
        self.delivered: list[Delivered] = []
        self.refused_recipients: set[str] = set()
        self.violations: list[str] = []
        self._uploads: dict[str, _Upload] = {}

    def mailbox(self, address: str) -> Mailbox:
        """Create a mailbox, or return it."""
        return self.mailboxes.setdefault(address.lower(), Mailbox(address))

    def check_right(self, right: str) -> None:
        """Refuse what the app has no permission for."""
        wider = {"Mail.Read": "Mail.ReadWrite"}.get(right, right)
        if not {right, wider} & self.permissions:
            raise Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")

    def check_sender(self, mailbox: Mailbox, sender: str) -> None:
        """Refuse a From address that the mailbox may not use."""
        address = parseaddr(sender)[1].lower()
        if address not in {"", mailbox.address.lower(), *self.senders}:
            raise Refusal(403, "ErrorSendAsDenied", "The user account does not have the right to send as the address.")

    def deliver(self, mailbox: Mailbox, recipients: list[str], raw: bytes) -> None:
        """Let a message leave; those who have a mailbox here get it."""
        if not recipients:
            raise Refusal(400, "ErrorInvalidRecipients", "A message can't be sent because it contains no recipients.")
        if self.refused_recipients & set(recipients):
            raise Refusal(400, "ErrorInvalidRecipients", "At least one recipient is not valid.")
        self.delivered.append(Delivered(recipients, raw))
        for address in recipients:
            if address.lower() in self.mailboxes:
                self.mailboxes[address.lower()].add("F-inbox", raw=raw)

    def begin_upload(self, item: Item, wanted: dict[str, Any]) -> str:
        """Return an address that is its own permission."""
        token = secrets.token_urlsafe(16)
        self._uploads[token] = _Upload(item, wanted)
        return f"{self.service}/uploads/{token}?authtoken={secrets.token_urlsafe(16)}"

    def upload(self, request: Request) -> Reply:
        """Take a range of a file: in order, of the right size, without our token."""
        if "authorization" in request.headers:
            self.violations.append("an upload address was shown the token")
        upload = self._uploads.get(request.path.rpartition("/")[2])
        if upload is None:
            raise Refusal(404, "ErrorItemNotFound")
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", request.headers.get("content-range", ""))
        first, last, total = map(int, found.groups()) if found else (-1, -1, -1)
        is_last = last + 1 == total
        if first != len(upload.content) or last - first + 1 != len(request.body) or total != upload.wanted["size"]:
            raise Refusal(416, "ErrorInvalidRange")
        if len(request.body) > _RANGE_LIMIT or (not is_last and len(request.body) % _RANGE_UNIT):
            self.violations.append(f"a range of {len(request.body)} bytes")
        upload.content += request.body
        if not is_last:
            session = {"expirationDateTime": "2027-01-01T00:00:00Z", "nextExpectedRanges": [f"{len(upload.content)}-"]}
            return answer(session)
        upload.item.files.append(_file(upload))
        return Reply(201, b"", {"Location": f"{self.service}/v1.0/attachments/1"})


def _file(upload: _Upload) -> File:
    wanted = upload.wanted
    return File(
        wanted["name"],
        wanted.get("contentType") or "application/octet-stream",
        bytes(upload.content),
        inline=bool(wanted.get("isInline")),
        content_id=wanted.get("contentId"),
    )
