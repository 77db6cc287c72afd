"""A Maildir in a temporary folder, looked at from the side by the standard library."""

import mailbox
from pathlib import Path
from typing import Any

import mailport_maildir.plugin
from mailport.fields import Direction
from mailport.services import Services
from mailport.testing.conformance import Feature, ReceiverHarness, SenderHarness, Stored
from mailport_maildir.fields import PROTOCOL

USER = "user@example.test"


class MaildirHarness(SenderHarness, ReceiverHarness):
    """Sender and receiver share one Maildir, as an application and its test do."""

    protocol = PROTOCOL
    plugin = mailport_maildir.plugin
    supports = frozenset(
        {
            Feature.UNCHANGED_SENT,
            Feature.UNCHANGED_READ,
            Feature.ENVELOPE,
            Feature.NEW_KEYS,
            Feature.REMOVAL,
        }
    )

    def __init__(self, root: Path) -> None:
        self.root = root
        self.services = Services(local_root=root)

    @property
    def box(self) -> mailbox.Maildir:
        """The Maildir as another program sees it."""
        return mailbox.Maildir(self.root / "team" / "inbox", factory=None)

    def values(self, direction: Direction) -> dict[str, Any]:
        return {"user_name": USER, "directory": "team/inbox"}

    async def arrived(self, address: str, count: int = 1) -> list[bytes]:
        return [self.box.get_bytes(key) for key in self.box.keys()]  # noqa: SIM118 - iterating gives messages

    async def deliver(self, raw: bytes) -> None:
        (self.root / "team").mkdir(exist_ok=True)
        self.box.add(raw)

    async def stored(self, folder: str | None = None) -> list[Stored]:
        if not (self.root / "team" / "inbox").exists() or (folder and folder not in self.box.list_folders()):
            return []
        box = self.box.get_folder(folder) if folder else self.box
        return [Stored(box.get_bytes(key), "S" in box.get_message(key).get_flags()) for key in sorted(box.keys())]

    async def remove_all(self) -> None:
        self.box.clear()
