"""Receiving, by the protocol of the account."""

from __future__ import annotations

from mailport.account import Account
from mailport.services import Services
from mailport.transport import Receiver

__all__ = ["make_receiver"]


def make_receiver(account: Account, services: Services) -> Receiver:
    """Return an unopened receiver; only the library of its protocol is imported."""
    if account.protocol == "pop3":
        from mailport_smtp.pop3.receiver import Pop3Receiver  # noqa: PLC0415 - see above

        return Pop3Receiver(account, services)
    from mailport_smtp.imap.receiver import ImapReceiver  # noqa: PLC0415 - see above

    return ImapReceiver(account, services)
