"""Microsoft Graph as hooks of mailport; msal and the HTTP client are imported when the first session is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailport.hookspecs import hookimpl
from mailport_graph.fields import PROTOCOLS

if TYPE_CHECKING:
    from mailport.account import Account
    from mailport.fields import ProtocolFields
    from mailport.services import Services
    from mailport.transport import Probe, Receiver, Sender


@hookimpl
def mailport_fields() -> tuple[ProtocolFields, ...]:
    """Declare Microsoft Graph for both directions."""
    return PROTOCOLS


@hookimpl
def mailport_send(account: Account, services: Services) -> Sender:
    """Return a sender for one mailbox."""
    from mailport_graph.sender import GraphSender  # noqa: PLC0415 - discovery stays cheap

    return GraphSender(account, services)


@hookimpl
def mailport_receive(account: Account, services: Services) -> Receiver:
    """Return a receiver for one folder of a mailbox."""
    from mailport_graph.receiver import GraphReceiver  # noqa: PLC0415 - discovery stays cheap

    return GraphReceiver(account, services)


@hookimpl
def mailport_test_connection(account: Account, services: Services) -> Probe:
    """Return the steps from the TLS handshake to the mailbox."""
    from mailport_graph.probe import GraphProbe  # noqa: PLC0415 - discovery stays cheap

    return GraphProbe(account, services)
