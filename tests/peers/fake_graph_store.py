"""The mailboxes of the fake: folders, messages, drafts, and the memory of delta queries."""

import itertools
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from typing import Any

WELL_KNOWN = ("inbox", "drafts", "sentitems", "deleteditems", "outbox", "msgfolderroot")


@dataclass
class File:
    """An attachment of a draft."""

    name: str
    content_type: str
    content: bytes
    inline: bool = False
    content_id: str | None = None


@dataclass
class Item:
    """A message: `raw` once it is one, `draft` and `files` before; `changed` counts its arrivals in a folder."""

    id: str
    folder: str
    raw: bytes = b""
    seen: bool = False
    created: int = 0
    updated: int = 0
    received: datetime = field(default_factory=lambda: datetime.now(UTC))
    draft: dict[str, Any] | None = None
    thread: tuple[str, tuple[str, ...]] = ("", ())
    files: list[File] = field(default_factory=list)

    @property
    def message_id(self) -> str:
        """Its Message-ID."""
        if self.draft is not None:
            return str(self.draft.get("internetMessageId") or "")
        return str(BytesHeaderParser().parsebytes(self.raw).get("Message-ID", "")).strip()

    def header(self, name: str) -> str:
        """A header of its MIME."""
        return str(BytesHeaderParser().parsebytes(self.raw).get(name, "")).strip()


class Mailbox:
    """One mailbox."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.items: dict[str, Item] = {}
        self.folders: dict[str, tuple[str, str]] = {f"F-{name}": (name, "") for name in WELL_KNOWN}
        self.tokens: dict[str, dict[str, Any]] = {}
        self._count = itertools.count(1)

    def folder(self, name: str) -> str | None:
        """The id of a folder, by id or well-known name."""
        if name in self.folders:
            return name
        return f"F-{name.lower()}" if name.lower() in WELL_KNOWN else None

    def named(self, name: str, parent: str = "") -> str | None:
        """The id of a folder by its name."""
        return next((key for key, (text, above) in self.folders.items() if (text, above) == (name, parent)), None)

    def make_folder(self, name: str, parent: str = "") -> str:
        """Create a folder."""
        key = f"F-{secrets.token_urlsafe(12)}="
        self.folders[key] = (name, parent)
        return key

    def add(self, folder: str, **facts: Any) -> Item:
        """Put a message into a folder."""
        at = next(self._count)
        item = Item(id=f"AAk{secrets.token_urlsafe(24)}-_{at}=", folder=folder, created=at, updated=at, **facts)
        self.items[item.id] = item
        return item

    def move(self, item: Item, folder: str) -> None:
        """Move a message; its immutable id stays."""
        if item.folder != folder:
            item.folder = folder
            item.created = item.updated = next(self._count)

    def touch(self, item: Item) -> None:
        """Note a change."""
        item.updated = next(self._count)

    def inside(self, folder: str) -> list[Item]:
        """The messages of a folder."""
        return [item for item in self.items.values() if item.folder == folder]

    def since(self, folder: str, seq: int, *, created_only: bool) -> list[str]:
        """The ids of what came, or changed, after `seq`."""
        found = [i for i in self.inside(folder) if i.created > seq or (i.updated > seq and not created_only)]
        return [item.id for item in sorted(found, key=lambda item: item.created)]

    @property
    def now(self) -> int:
        """The present end of the mailbox's history."""
        return max((max(item.created, item.updated) for item in self.items.values()), default=0)


def recipients_of(raw: bytes) -> list[str]:
    """Everybody whom the headers name."""
    headers = BytesHeaderParser().parsebytes(raw)
    found = getaddresses([str(value) for name in ("To", "Cc", "Bcc") for value in headers.get_all(name, [])])
    return [address for _, address in found if address]


def without_bcc(raw: bytes) -> bytes:
    """The message as it leaves."""
    head, gap, body = raw.partition(b"\r\n\r\n") if b"\r\n\r\n" in raw else raw.partition(b"\n\n")
    kept: list[bytes] = []
    skipping = False
    for line in head.split(b"\n"):
        skipping = line[:1] in b" \t" if skipping and line[:1] else line.lower().startswith(b"bcc:")
        if not skipping:
            kept.append(line)
    return b"\n".join(kept) + gap + body


def render(item: Item, sender: str) -> bytes:
    """The MIME that Exchange would make of a draft."""
    draft = item.draft or {}
    made = EmailMessage()
    made["From"] = _mailbox(draft.get("from") or {"emailAddress": {"address": sender}})
    for name, key in (("To", "toRecipients"), ("Cc", "ccRecipients"), ("Bcc", "bccRecipients"), ("Reply-To", "replyTo")):
        if draft.get(key):
            made[name] = ", ".join(_mailbox(one) for one in draft[key])
    made["Subject"] = draft.get("subject") or ""
    made["Message-ID"] = draft.get("internetMessageId") or f"<{secrets.token_hex(8)}@exchange.example.test>"
    if item.thread[0]:
        made["In-Reply-To"] = item.thread[0]
        made["References"] = " ".join((*item.thread[1], item.thread[0]))
    for header in draft.get("internetMessageHeaders", []):
        made[header["name"]] = header["value"]
    _fill(made, draft.get("body") or {}, item.files)
    return made.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _mailbox(recipient: dict[str, Any]) -> str:
    address = recipient["emailAddress"]
    return f'"{address["name"]}" <{address["address"]}>' if address.get("name") else str(address["address"])


def _fill(made: EmailMessage, body: dict[str, Any], files: list[File]) -> None:
    text = body.get("content") or ""
    if str(body.get("contentType", "text")).lower() == "html":
        made.set_content("(made of the HTML)")
        made.add_alternative(text, subtype="html")
    else:
        made.set_content(text)
    for file in files:
        main, _, sub = file.content_type.partition("/")
        made.add_attachment(
            file.content,
            main,
            sub,
            filename=file.name,
            cid=f"<{file.content_id}>" if file.content_id else None,
            disposition="inline" if file.inline else "attachment",
        )
