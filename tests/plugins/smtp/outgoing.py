"""Outgoing accounts for the test servers, and messages to send with them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import pytest

from mailport.account import Account, validate
from mailport.errors import MailportError
from mailport.fields import Direction
from mailport.message import Message
from mailport.services import Services
from mailport_smtp.fields import PROTOCOLS
from mailport_smtp.sender import SmtpSender
from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki

SMTP = PROTOCOLS[0]
USER = "ann@example.test"
PASSWORD = "a-password-that-nobody-must-see"
RAW = b"From: ann@example.test\r\nTo: bob@example.test\r\nSubject: Hello\r\nMessage-ID: <1@example.test>\r\n\r\nHello\r\n"


class Peer(Protocol):
    """A server that listens somewhere."""

    host: str
    port: int


def account(port: int, *, host: str = "127.0.0.1", **changes: Any) -> Account:
    """An account that signs in nowhere and uses no TLS, unless `changes` say so."""
    values = {
        "host": host,
        "port": port,
        "user_name": USER,
        "use_ssl_tls": "none",
        "authentication": "none",
        "send_mail_timeout": 5,
    }
    return validate(SMTP, Direction.OUTGOING, values | changes)


def login(port: int, mailbox: Mailbox | None = None, *, pki: Pki | None = None, **changes: Any) -> Account:
    """An account that signs in with a password, by STARTTLS where it is given a `pki`."""
    values: dict[str, Any] = {"authentication": "auth_login", "user_name": USER, "password": PASSWORD}
    if mailbox is not None:
        values |= {"user_name": mailbox.address, "password": mailbox.password}
    if pki is not None:
        values |= {"use_ssl_tls": "TLS", "ca_certificates": pki.ca_pem}
    return account(port, **values | changes)


def message(*to: str, text: str = "Hello\n", **more: Any) -> Message:
    """A small message from `USER`."""
    return Message.compose(**{"sender": USER, "to": to or "bob@example.test", "subject": "Hello", "text": text} | more)


@asynccontextmanager
async def sending(account: Account, services: Services | None = None) -> AsyncIterator[SmtpSender]:
    """An open sender."""
    async with SmtpSender(account, services or Services()) as sender:
        yield sender


async def failure_of(account: Account, *messages: Message, services: Services | None = None) -> MailportError:
    """The error in which opening a sender and sending ends."""
    with pytest.raises(MailportError) as caught:
        async with sending(account, services) as sender:
            for one in messages or (message(),):
                await sender.send(one)
    return caught.value
