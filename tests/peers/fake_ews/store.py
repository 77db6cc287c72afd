"""Mailboxes, folders and items, with the log of changes from which synchronisation reads."""

import base64
import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from functools import cached_property

WELL_KNOWN = {
    "inbox": "Inbox",
    "sentitems": "Sent Items",
    "outbox": "Outbox",
    "deleteditems": "Deleted Items",
    "drafts": "Drafts",
}


class Lost(Exception):
    """A synchronisation state that is not known."""


@dataclass
class Mail:
    """One item."""

    id: str
    raw: bytes
    seen: bool = False
    kind: str = "Message"
    received: datetime = field(default_factory=lambda: datetime.now(UTC))
    edition: int = 1

    @cached_property
    def base64(self) -> bytes:
        return base64.b64encode(self.raw)

    @property
    def message_id(self) -> str:
        return str(message_from_bytes(self.raw)["Message-ID"] or "").strip()


@dataclass
class FolderBox:
    """One folder; `log` holds what happened in it, as (what, item id)."""

    id: str
    name: str
    parent: str | None
    mails: dict[str, Mail] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Changes:
    """What a synchronisation answers: (what, item id), the next state, and whether that is the end."""

    found: list[tuple[str, str]]
    state: str
    is_last: bool


class MailStore:
    """The mailbox of one address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.epoch = 1
        self._ids = itertools.count(1)
        self.folders: dict[str, FolderBox] = {}
        root = self.add_folder("Top of Information Store", None)
        self.known = {"msgfolderroot": root.id}
        self.known |= {key: self.add_folder(name, root.id).id for key, name in WELL_KNOWN.items()}

    def folder(self, name: str) -> FolderBox | None:
        """A folder by the name that people see, wherever it is."""
        return next((box for box in self.folders.values() if box.name.lower() == name.lower()), None)

    def add_folder(self, name: str, parent: str | None) -> FolderBox:
        box = FolderBox(self._new_id("F"), name, parent)
        self.folders[box.id] = box
        return box

    def children(self, parent: str) -> list[FolderBox]:
        return [box for box in self.folders.values() if box.parent == parent]

    def put(self, raw: bytes, folder: str = "inbox", *, seen: bool = False, kind: str = "Message") -> Mail:
        """File a message in a well-known folder."""
        return self._file(Mail(self._new_id("I"), raw, seen, kind), self.folders[self.known[folder]])

    def find(self, item: str) -> tuple[FolderBox, Mail] | None:
        return next(((box, box.mails[item]) for box in self.folders.values() if item in box.mails), None)

    def remove(self, item: str) -> None:
        if (found := self.find(item)) is not None:
            found[0].mails.pop(item)
            found[0].log.append(("Delete", item))

    def move(self, item: str, folder: FolderBox) -> Mail | None:
        """Move an item; it gets another id, as in Exchange."""
        found = self.find(item)
        if found is None:
            return None
        self.remove(item)
        found[1].id = self._new_id("I")
        return self._file(found[1], folder)

    def mark(self, item: str, *, seen: bool) -> bool:
        found = self.find(item)
        if found is None:
            return False
        found[1].seen = seen
        found[1].edition += 1
        found[0].log.append(("ReadFlagChange", item))
        return True

    def changes(self, folder: FolderBox, state: str | None, most: int) -> Changes:
        """What happened in a folder since `state`, as far as it still matters."""
        start = 0 if not state else self._position(folder, state)
        created = {item: at for at, (what, item) in enumerate(folder.log) if what == "Create"}
        found: list[tuple[str, str]] = []
        at = start
        while at < len(folder.log) and len(found) < most:
            what, item = folder.log[at]
            is_new = created.get(item, 0) >= start
            if (what == "Create") == is_new and (what == "Delete") == (item not in folder.mails):
                found.append((what, item))
            at += 1
        return Changes(found, self._state(folder, at), at == len(folder.log))

    def _position(self, folder: FolderBox, state: str) -> int:
        try:
            said = json.loads(base64.b64decode(state))
            epoch, box, at = said["epoch"], said["folder"], int(said["at"])
        except (ValueError, TypeError, KeyError) as error:
            raise Lost from error
        if (epoch, box) != (self.epoch, folder.id):
            raise Lost
        return at

    def _state(self, folder: FolderBox, at: int) -> str:
        return base64.b64encode(json.dumps({"epoch": self.epoch, "folder": folder.id, "at": at}).encode()).decode()

    def _file(self, mail: Mail, box: FolderBox) -> Mail:
        box.mails[mail.id] = mail
        box.log.append(("Create", mail.id))
        return mail

    def _new_id(self, kind: str) -> str:
        return base64.b64encode(f"{kind}{self.address}{next(self._ids):08}".encode()).decode()
