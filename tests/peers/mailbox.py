"""A user of a running Dovecot, as the tests see one."""

from dataclasses import dataclass

from tests.peers.dovecot import Dovecot


@dataclass(frozen=True)
class Mailbox:
    """The address is the user name; no other test uses it."""

    server: Dovecot
    address: str
    password: str

    def deliver(self, raw: bytes, folder: str = "INBOX") -> None:
        """Put a message into a folder, byte for byte."""
        self.server.deliver(self.address, raw, folder)

    def messages(self, folder: str = "INBOX") -> list[bytes]:
        """The messages in a folder, read from disk, oldest first."""
        return self.server.messages(self.address, folder)

    def wait_for_messages(self, count: int = 1, folder: str = "INBOX") -> list[bytes]:
        """The messages in a folder once there are at least `count`."""
        return self.server.wait_for_messages(self.address, count, folder)
