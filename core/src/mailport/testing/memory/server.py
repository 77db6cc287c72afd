"""A mail system in memory: mailboxes to look into, verdicts and faults to switch.

It stands where a server stands for a real transport: it knows nothing of mailport, it answers with codes, and it takes a
message byte by byte, so that a test can stop it before the last byte or after it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from mailport.testing.memory.faults import Faults, Gate
from mailport.testing.memory.mailbox import Mailbox, StoredMail
from mailport.testing.memory.transfer import Reply, Transfer

__all__ = ["Connection", "MemoryMail"]


class MemoryMail:
    """The mail system.

    An address with a password can sign in. Every address receives, unless it is in ``refused`` (for good) or ``deferred``
    (for now). ``bodies`` holds messages before their last byte, ``answers`` after it.
    """

    def __init__(self, passwords: Mapping[str, str] = MappingProxyType({})) -> None:
        self.passwords = dict(passwords)
        self.mailboxes: defaultdict[str, Mailbox] = defaultdict(Mailbox)
        self.accepted: list[StoredMail] = []
        self.refused: set[str] = set()
        self.deferred: set[str] = set()
        self.faults = Faults()
        self.bodies = Gate()
        self.answers = Gate()
        self.under_way: set[Transfer] = set()
        self.connections: list[Connection] = []
        self.failed_sign_ins = 0

    def __repr__(self) -> str:
        return (
            f"<MemoryMail accepted={len(self.accepted)} under_way={len(self.under_way)} "
            f"connections={len(self.open_connections)} of {len(self.connections)}>"
        )

    @property
    def open_connections(self) -> list[Connection]:
        """The connections that nobody closed."""
        return [connection for connection in self.connections if connection.is_open]

    async def connect(self) -> Connection:
        """Return a new connection."""
        await self.obey_faults()
        connection = Connection(self)
        self.connections.append(connection)
        return connection

    async def obey_faults(self) -> None:
        """Do as the switches say to whatever was asked; called at every request."""
        await asyncio.sleep(0)  # a network would let others run
        if self.faults.silent:
            await asyncio.Event().wait()
        if self.faults.throttle is not None:
            raise Reply(451, "Try again later", retry_after=self.faults.throttle)

    def verdict(self, address: str) -> tuple[int, str]:
        """Return the code and the words for one recipient."""
        if address in self.refused:
            return 550, "No such user"
        return (450, "Mailbox busy") if address in self.deferred else (250, "OK")

    def take(self, raw: bytes, *, envelope_to: tuple[str, ...], **more: Any) -> StoredMail:
        """Deliver a message to its recipients."""
        for address in envelope_to:
            self.mailboxes[address].add(raw, envelope_to=envelope_to, **more)
        mail = StoredMail(uid=len(self.accepted) + 1, raw=raw, envelope_to=envelope_to, **more)
        self.accepted.append(mail)
        return mail


class Connection:
    """One client's connection. Several messages may be under way on it."""

    def __init__(self, mail: MemoryMail) -> None:
        self.mail = mail
        self.user = ""
        self.is_open = True
        self.transfers: set[Transfer] = set()

    async def sign_in(self, user: str, password: str) -> None:
        """Open the mailbox of ``user``."""
        await self._asked()
        if self.mail.passwords.get(user) != password:
            self.mail.failed_sign_ins += 1
            raise Reply(535, "Authentication credentials invalid")
        self.user = user

    async def mailbox(self) -> Mailbox:
        """Return the mailbox of the user who signed in; every use of it begins here."""
        await self._asked()
        if not self.user:
            raise Reply(530, "Authentication required")
        return self.mail.mailboxes[self.user]

    async def begin(self, sender: str, recipients: Iterable[str]) -> Transfer:
        """Begin a message; ``verdicts`` of the transfer say which recipients it may have."""
        await self.mailbox()
        return Transfer(self, sender, {address: self.mail.verdict(address) for address in recipients})

    async def was_sent(self, message_id: str) -> bool:
        """Say whether the user sent a message with this id."""
        await self.mailbox()
        return any(mail.message_id == message_id and mail.user == self.user for mail in self.mail.accepted)

    def close(self) -> None:
        """End the connection; what is under way on it never gets an answer."""
        self.is_open = False
        for transfer in list(self.transfers):
            transfer.cut()

    async def _asked(self) -> None:
        await self.mail.obey_faults()
        if not self.is_open:
            raise ConnectionResetError("connection closed")
