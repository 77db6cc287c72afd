"""Maildir as hooks of mailport."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailport.hookspecs import hookimpl
from mailport_maildir.fields import PROTOCOL

if TYPE_CHECKING:
    from mailport.account import Account
    from mailport.fields import ProtocolFields
    from mailport.services import Services
    from mailport.transport import Probe, Receiver, Sender


@hookimpl
def mailport_fields() -> tuple[ProtocolFields, ...]:
    """Declare Maildir for both directions."""
    return (PROTOCOL,)


@hookimpl
def mailport_send(account: Account, services: Services) -> Sender:
    """Return a sender into the account's Maildir."""
    from mailport_maildir.sender import MaildirSender  # noqa: PLC0415 - discovery stays cheap

    return MaildirSender(account, services)


@hookimpl
def mailport_receive(account: Account, services: Services) -> Receiver:
    """Return a receiver of one folder of the account's Maildir."""
    from mailport_maildir.receiver import MaildirReceiver  # noqa: PLC0415 - discovery stays cheap

    return MaildirReceiver(account, services)


@hookimpl
def mailport_test_connection(account: Account, services: Services) -> Probe:
    """Return the one step there is: the directory."""
    from mailport_maildir.probe import MaildirProbe  # noqa: PLC0415 - discovery stays cheap

    return MaildirProbe(account, services)
