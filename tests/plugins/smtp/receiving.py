"""What the tests of IMAP and POP3 share: accounts, and rounds in a session of their own."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mailport.account import Account, validate
from mailport.errors import MailportError
from mailport.fields import Direction
from mailport.services import Services
from mailport.transport import Acknowledgement, Action, Cursor, Delivery, Receiver
from mailport_smtp.fields import PROTOCOLS
from mailport_smtp.receiver import make_receiver
from tests.peers.dovecot import Dovecot
from tests.peers.scripted_imap import ScriptedImap
from tests.peers.scripted_pop3 import ScriptedPop3

FIELDS = {protocol.key: protocol for protocol in PROTOCOLS}
USER, PASSWORD = "ann@example.test", "kestrel-amber-42"
ADVANCED = {"email_component_type": "advanced"}
LEAVE, READ, DELETE = (Action.parse(text) for text in ("leave", "read", "delete"))
ARCHIVE = Action.parse("move:Archive")


def account(protocol: str, host: str, port: int, **changes: Any) -> Account:
    """An account without TLS, unless `changes` say otherwise."""
    values = {"host": host, "port": port, "use_ssl_tls": "none", "user_name": USER, "password": PASSWORD, **ADVANCED}
    return validate(FIELDS[protocol], Direction.INCOMING, values | changes)


def scripted(server: ScriptedImap | ScriptedPop3, **changes: Any) -> Account:
    """An account of a scripted server."""
    return account("imap" if isinstance(server, ScriptedImap) else "pop3", server.host, server.port, **changes)


def of_dovecot(protocol: str, server: Dovecot, user: str, password: str, tls: str = "none", **changes: Any) -> Account:
    """An account of a user of Dovecot."""
    port = {"imap": server.imap, "pop3": server.pop3}[protocol]
    secure = {"imap": server.imaps, "pop3": server.pop3s}[protocol]
    where = {"use_ssl_tls": tls, "user_name": user, "password": password}
    return account(protocol, "localhost", secure if tls == "SSL" else port, **where | changes)


def receiver(account: Account, services: Services | None = None) -> Receiver:
    """An unopened receiver."""
    return make_receiver(account, services or Services())


async def listed(receiver: Receiver, cursor: Cursor = None, limit: int | None = None) -> tuple[list[Delivery], Cursor]:
    """What is there after a cursor, and the cursor behind it."""
    async with receiver.fetch(cursor, limit) as deliveries:
        found = [delivery async for delivery in deliveries]
        return found, deliveries.cursor


async def contents(account: Account) -> list[bytes]:
    """Everything in the mailbox, read in a session of its own."""
    async with receiver(account) as session:
        found, _ = await listed(session)
        return [await delivery.read() for delivery in found]


async def acknowledge_all(account: Account, action: Action) -> list[Acknowledgement]:
    """Apply an action to everything in the mailbox; the final answers."""
    async with receiver(account) as session:
        found, _ = await listed(session)
        answers = await session.acknowledge(found, action)
    settled = {answer.key: answer for answer in session.settled}
    return [settled.get(answer.key, answer) for answer in answers]


async def failure(account: Account) -> MailportError:
    """The error that opening and listing ends in."""
    with pytest.raises(MailportError) as caught:
        await contents(account)
    return caught.value


@contextmanager
def short_timeout(seconds: float = 0.3) -> Iterator[None]:
    """Let incoming accounts wait for less than their 100 seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mailport.account.RECEIVE_TIMEOUT", seconds)
        yield


def mail(subject: str, *lines: str) -> bytes:
    """A small message."""
    return "\r\n".join([f"Subject: {subject}", "From: bob@example.test", "", *lines, ""]).encode()


def subjects(raws: Iterable[bytes]) -> list[str]:
    """The subjects of messages made by `mail`."""
    return [raw.split(b"\r\n")[0].removeprefix(b"Subject: ").decode() for raw in raws]
