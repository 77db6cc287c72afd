"""The harness of the memory protocol: for the kit's own cases, and for those of a wrapper around its sender."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from mailport.fields import Capabilities, Direction
from mailport.testing.conformance.checks import polled
from mailport.testing.conformance.harness import Feature, ReceiverHarness, SenderHarness, Stored
from mailport.testing.memory.fields import EVERYTHING
from mailport.testing.memory.plugin import MemoryPlugin
from mailport.testing.memory.server import MemoryMail

__all__ = ["MemoryHarness"]

USER, PASSWORD = "user@example.test", "kestrel-amber-42"


class MemoryHarness(SenderHarness, ReceiverHarness):
    """A ``MemoryMail`` with one account; it supports everything."""

    supports = frozenset(Feature)
    patience = 2.0
    make_plugin = MemoryPlugin

    def __init__(self, capabilities: Capabilities = EVERYTHING) -> None:
        self.mail = MemoryMail({USER: PASSWORD})
        self.plugin = self.make_plugin(self.mail, capabilities)
        self.protocol = self.plugin.protocol

    def values(self, direction: Direction) -> dict[str, Any]:
        """Return the account's settings."""
        return {"user_name": USER, "password": PASSWORD}

    def wrong_credentials(self, direction: Direction) -> dict[str, Any]:
        """Return another password."""
        return {"password": "heron-violet-17"}

    async def snapshot(self) -> object:
        """Return all mailboxes and all that was sent."""
        boxes = {address: box.folders for address, box in self.mail.mailboxes.items() if any(box.folders.values())}
        return repr((boxes, self.mail.accepted))

    async def arrived(self, address: str, count: int = 1) -> list[bytes]:
        """Return what is in the inbox of ``address``."""

        async def look() -> list[bytes]:
            return [mail.raw for mail in self.mail.mailboxes[address].mails()]

        return await polled(look, lambda found: len(found) >= count, self.patience)

    async def deliver(self, raw: bytes) -> None:
        """Put a message into the account's inbox."""
        self.mail.mailboxes[USER].add(raw)

    async def stored(self, folder: str | None = None) -> list[Stored]:
        """Return a folder of the account."""
        return [Stored(mail.raw, mail.seen) for mail in self.mail.mailboxes[USER].mails(folder or "INBOX")]

    async def remove_all(self) -> None:
        """Empty the account's inbox."""
        self.mail.mailboxes[USER].folders["INBOX"].clear()

    def forget_cursors(self) -> None:
        """Rebuild the account's mailbox."""
        self.mail.mailboxes[USER].forget()

    @property
    def connections(self) -> int:
        """All connections ever made."""
        return len(self.mail.connections)

    @property
    def open_connections(self) -> int:
        """Those that nobody closed."""
        return len(self.mail.open_connections)

    @property
    def failed_sign_ins(self) -> int:
        """How often a password was wrong."""
        return self.mail.failed_sign_ins

    @property
    def under_way(self) -> int:
        """Messages that were begun and have no answer."""
        return len(self.mail.under_way)

    def silence(self) -> None:
        """Answer nothing."""
        self.mail.faults.silent = True

    def throttle(self) -> float | None:
        """Put everything off."""
        self.mail.faults.throttle = 7.0
        return 7.0

    def refuse(self, address: str) -> None:
        """Refuse a recipient."""
        self.mail.refused.add(address)

    def defer(self, address: str) -> None:
        """Put a recipient off."""
        self.mail.deferred.add(address)

    def refuse_messages(self) -> None:
        """Refuse every message."""
        self.mail.faults.refuse = True

    def cut_before_handover(self) -> None:
        """Break the connection before the last byte."""
        self.mail.faults.cut_before_handover = True

    def cut_after_handover(self) -> None:
        """Break the connection after the last byte."""
        self.mail.faults.cut_after_handover = True

    def heal(self) -> None:
        """Break nothing."""
        self.mail.faults.cut_before_handover = self.mail.faults.cut_after_handover = False

    def holding_bodies(self) -> AbstractContextManager[None]:
        """Close the gate before the last byte."""
        return self.mail.bodies.held()

    def holding_answers(self) -> AbstractContextManager[None]:
        """Close the gate before the answer."""
        return self.mail.answers.held()
