"""A mail system in memory: mailboxes to look into, verdicts and faults to switch.

It stands where a server stands for a real transport: it knows nothing of mailport, it answers with codes, and it takes a
message byte by byte, so that a test can stop it before the last byte or after it.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from types import MappingProxyType
from typing import Any

__all__ = ["Answer", "Connection", "Faults", "Gate", "Mailbox", "MemoryMail", "Reply", "StoredMail", "Transfer"]

_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
CHUNK = 64 * 1024


class Reply(Exception):
    """What the server says instead of doing as asked: a number as SMTP has them, and words."""

    def __init__(self, code: int, text: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says to a message it took, and the id it gave it."""

    text: str
    provider_id: str


class Gate:
    """Something that is passed freely until a test holds it."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold everybody who comes to the gate until the block ends."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    async def passed(self) -> None:
        """Wait until the gate is open."""
        await self._open.wait()


@dataclass(slots=True)
class Faults:
    """What goes wrong, until it is switched off again.

    ``silent``: the server never answers. ``cut_before_handover`` and ``cut_after_handover``: the connection breaks just
    before, or just after, the last byte of a message. ``refuse``: every message is refused after it was read.
    ``throttle``: everything is put off, for that many seconds.
    """

    silent: bool = False
    cut_before_handover: bool = False
    cut_after_handover: bool = False
    refuse: bool = False
    throttle: float | None = None


@dataclass(slots=True)
class StoredMail:
    """A message in a folder. Who signed in to send it, and its envelope, are empty where a test put it there."""

    uid: int
    raw: bytes
    user: str = ""
    envelope_from: str = ""
    envelope_to: tuple[str, ...] = ()
    seen: bool = False
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def message_id(self) -> str:
        """The Message-ID, or an empty string."""
        found = _MESSAGE_ID.search(self.raw)
        return found[1].decode("ascii", "replace") if found else ""


class Mailbox:
    """The folders of one address. A uid is never given twice; ``epoch`` changes when all of them become void."""

    def __init__(self) -> None:
        self.epoch = 1
        self.folders: dict[str, dict[int, StoredMail]] = {"INBOX": {}}
        self._uids = count(1)

    def __repr__(self) -> str:
        sizes = " ".join(f"{name}={len(mails)}" for name, mails in self.folders.items())
        return f"<Mailbox epoch={self.epoch} {sizes}>"

    def add(self, raw: bytes, folder: str = "INBOX", **envelope: Any) -> StoredMail:
        """Put a message into a folder, which is created when missing."""
        mail = StoredMail(uid=next(self._uids), raw=raw, **envelope)
        self.folders.setdefault(folder, {})[mail.uid] = mail
        return mail

    def mails(self, folder: str = "INBOX") -> list[StoredMail]:
        """Return the messages of a folder, oldest first."""
        return list(self.folders.get(folder, {}).values())

    def find(self, uid: int) -> tuple[str, StoredMail] | None:
        """Return the folder and the message of ``uid``, None if it is gone."""
        return next(((name, mails[uid]) for name, mails in self.folders.items() if uid in mails), None)

    def remove(self, uid: int) -> None:
        """Remove a message; nothing happens if it is gone."""
        for mails in self.folders.values():
            mails.pop(uid, None)

    def move(self, uid: int, folder: str) -> StoredMail | None:
        """Move a message; it gets a new uid, as on most servers. None if it is gone."""
        found = self.find(uid)
        if found is None:
            return None
        self.remove(uid)
        mail = found[1]
        mail.uid = next(self._uids)
        self.folders.setdefault(folder, {})[mail.uid] = mail
        return mail

    def forget(self) -> None:
        """Make every uid and every cursor void, as a server does whose index was rebuilt."""
        self.epoch += 1


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


class Transfer:
    """One message on its way.

    ``handed_over`` is set once the last byte was written: from there on the server acts on its own, and whoever stops
    listening changes nothing. ``answer`` is what it says in the end.
    """

    def __init__(self, connection: Connection, sender: str, verdicts: Mapping[str, tuple[int, str]]) -> None:
        self.verdicts = dict(verdicts)
        self.handed_over = asyncio.Event()
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._connection = connection
        self._mail = connection.mail
        self._sender = sender
        self._written = bytearray()
        self._work: asyncio.Task[None] | None = None
        connection.transfers.add(self)
        self._mail.under_way.add(self)

    async def write(self, chunk: bytes) -> None:
        """Take a piece of the message, but not its end."""
        await self._mail.obey_faults()
        self._check()
        self._written += chunk

    async def finish(self) -> None:
        """Take the last byte: the message is handed over."""
        await self._mail.obey_faults()
        await self._mail.bodies.passed()
        if self._mail.faults.cut_before_handover:
            self._connection.close()
        self._check()
        self.handed_over.set()
        self._work = asyncio.create_task(self._deliver())

    def withdraw(self) -> None:
        """Give up a message that was not handed over; nothing happens to one that was."""
        if not self.handed_over.is_set():
            self._end()
            self.answer.cancel()

    def cut(self) -> None:
        """Lose the connection under this message."""
        self._end()
        if not self.answer.done():
            self.answer.set_exception(ConnectionResetError("connection lost"))
            self.answer.exception()  # seen: a client that stopped listening is no reason for a warning

    async def _deliver(self) -> None:
        await self._mail.answers.passed()
        accepted = tuple(address for address, (code, _) in self.verdicts.items() if code == 250)
        if self._mail.faults.refuse:
            self._reply(Reply(554, "Message refused"))
            return
        envelope = {"envelope_from": self._sender, "user": self._connection.user}
        mail = self._mail.take(bytes(self._written), envelope_to=accepted, **envelope)
        if self._mail.faults.cut_after_handover:
            self._connection.close()
        else:
            self._reply(Answer("OK, queued", f"memory-{mail.uid}"))

    def _reply(self, said: Answer | Reply) -> None:
        self._end()
        if self.answer.done():
            return
        if isinstance(said, Reply):
            self.answer.set_exception(said)
            self.answer.exception()
        else:
            self.answer.set_result(said)

    def _check(self) -> None:
        if not self._connection.is_open:
            raise ConnectionResetError("connection lost")

    def _end(self) -> None:
        self._connection.transfers.discard(self)
        self._mail.under_way.discard(self)
