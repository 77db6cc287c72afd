"""Gmail as hooks of mailport; Google's libraries are imported when the first session is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailport.hookspecs import hookimpl
from mailport_google.fields import PROTOCOL

if TYPE_CHECKING:
    from mailport.account import Account
    from mailport.fields import ProtocolFields
    from mailport.services import Services
    from mailport.transport import Probe, Receiver, Sender


@hookimpl
def mailport_fields() -> tuple[ProtocolFields, ...]:
    """Declare Gmail, for both directions."""
    return (PROTOCOL,)


@hookimpl
def mailport_send(account: Account, services: Services) -> Sender:
    """Return a sender."""
    from mailport_google.sender import GoogleSender  # noqa: PLC0415 - discovery stays cheap

    return GoogleSender(account, services)


@hookimpl
def mailport_receive(account: Account, services: Services) -> Receiver:
    """Return a receiver."""
    from mailport_google.receiver import GoogleReceiver  # noqa: PLC0415 - discovery stays cheap

    return GoogleReceiver(account, services)


@hookimpl
def mailport_test_connection(account: Account, services: Services) -> Probe:
    """Return the steps of Test Connection."""
    from mailport_google.probe import GoogleProbe  # noqa: PLC0415 - discovery stays cheap

    return GoogleProbe(account, services)
