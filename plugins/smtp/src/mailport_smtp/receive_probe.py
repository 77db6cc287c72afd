"""Which probe an incoming account has."""

from __future__ import annotations

from mailport.account import Account
from mailport.services import Services
from mailport.transport import Probe

__all__ = ["make_probe"]


def make_probe(account: Account, services: Services) -> Probe:
    """Return the probe of an incoming account."""
    if account.protocol == "pop3":
        from mailport_smtp.pop3.probe import Pop3Probe  # noqa: PLC0415 - only its own library is imported

        return Pop3Probe(account, services)
    from mailport_smtp.imap.probe import ImapProbe  # noqa: PLC0415 - only its own library is imported

    return ImapProbe(account, services)
