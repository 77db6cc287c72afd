"""SMTP, IMAP and POP3 as hooks of mailport; a protocol library is imported when the first session is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailport.hookspecs import hookimpl
from mailport_smtp.fields import PROTOCOLS

if TYPE_CHECKING:
    from mailport.account import Account
    from mailport.fields import ProtocolFields
    from mailport.services import Services
    from mailport.transport import Probe, Receiver, Sender


@hookimpl
def mailport_fields() -> tuple[ProtocolFields, ...]:
    """Declare SMTP for sending, IMAP and POP3 for receiving."""
    return PROTOCOLS


@hookimpl
def mailport_send(account: Account, services: Services) -> Sender:
    """Return an SMTP sender."""
    from mailport_smtp.sender import SmtpSender  # noqa: PLC0415 - discovery stays cheap

    return SmtpSender(account, services)


@hookimpl
def mailport_receive(account: Account, services: Services) -> Receiver:
    """Return an IMAP or POP3 receiver."""
    from mailport_smtp.receiver import make_receiver  # noqa: PLC0415 - discovery stays cheap

    return make_receiver(account, services)


@hookimpl
def mailport_test_connection(account: Account, services: Services) -> Probe:
    """Return the steps of the protocol in question."""
    if account.protocol == "smtp":
        from mailport_smtp.probe import SmtpProbe  # noqa: PLC0415 - discovery stays cheap

        return SmtpProbe(account, services)
    from mailport_smtp.receive_probe import make_probe  # noqa: PLC0415 - discovery stays cheap

    return make_probe(account, services)
