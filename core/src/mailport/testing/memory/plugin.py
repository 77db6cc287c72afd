"""The hooks of the memory protocol."""

from __future__ import annotations

from collections.abc import Iterable

from mailport.account import Account
from mailport.fields import Capabilities, ProtocolFields
from mailport.hookspecs import hookimpl
from mailport.services import Services
from mailport.testing.memory.fields import EVERYTHING, protocol
from mailport.testing.memory.probe import MemoryProbe
from mailport.testing.memory.receiver import MemoryReceiver
from mailport.testing.memory.sender import MemorySender
from mailport.testing.memory.server import MemoryMail
from mailport.transport import Probe, Receiver, Sender

__all__ = ["MemoryPlugin"]


class MemoryPlugin:
    """A plugin whose accounts live in ``mail``. An installed plugin is a module instead of an object."""

    def __init__(self, mail: MemoryMail, capabilities: Capabilities = EVERYTHING) -> None:
        self.mail = mail
        self.protocol = protocol(capabilities)

    @hookimpl
    def mailport_fields(self) -> Iterable[ProtocolFields]:
        """Declare the protocol."""
        return (self.protocol,)

    @hookimpl
    def mailport_send(self, account: Account, services: Services) -> Sender | None:
        """Return a sender."""
        return MemorySender(account, self.mail, self.protocol.capabilities)

    @hookimpl
    def mailport_receive(self, account: Account, services: Services) -> Receiver | None:
        """Return a receiver."""
        return MemoryReceiver(account, self.mail, self.protocol.capabilities)

    @hookimpl
    def mailport_test_connection(self, account: Account, services: Services) -> Probe | None:
        """Return the steps of Test Connection."""
        return MemoryProbe(account, self.mail)
