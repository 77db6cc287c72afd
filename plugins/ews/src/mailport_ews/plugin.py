"""Exchange Web Services as hooks of mailport; exchangelib and msal are imported when the first session is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailport.hookspecs import hookimpl
from mailport_ews.fields import PROTOCOL

if TYPE_CHECKING:
    from mailport.account import Account
    from mailport.fields import ProtocolFields
    from mailport.services import Services
    from mailport.transport import Probe, Receiver, Sender


@hookimpl
def mailport_fields() -> tuple[ProtocolFields, ...]:
    """Declare Exchange Web Services, for sending and receiving."""
    return (PROTOCOL,)


@hookimpl
def mailport_send(account: Account, services: Services) -> Sender:
    """Return a sender."""
    from mailport_ews.sender import EwsSender  # noqa: PLC0415 - discovery stays cheap

    return EwsSender(account, services)


@hookimpl
def mailport_receive(account: Account, services: Services) -> Receiver:
    """Return a receiver."""
    from mailport_ews.receiver import EwsReceiver  # noqa: PLC0415 - discovery stays cheap

    return EwsReceiver(account, services)


@hookimpl
def mailport_test_connection(account: Account, services: Services) -> Probe:
    """Return the steps of Test Connection."""
    from mailport_ews.probe import EwsProbe  # noqa: PLC0415 - discovery stays cheap

    return EwsProbe(account, services)
