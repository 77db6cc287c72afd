"""The steps of Test Connection for IMAP and POP3: what a poll does, one call at a time, and nothing changes in the mailbox."""

from __future__ import annotations

from collections.abc import Sequence

from mailport.account import Account
from mailport.services import Services
from mailport.transport import Endpoint, Probe, Rung, Step
from mailport_smtp.link import Link

__all__ = ["make_probe"]


def make_probe(account: Account, services: Services) -> Probe:
    """Return the probe of an incoming account."""
    if account.protocol == "pop3":
        from mailport_smtp.pop3_probe import Pop3Probe  # noqa: PLC0415 - only its own library is imported

        return Pop3Probe(account, services)
    from mailport_smtp.imap_probe import ImapProbe  # noqa: PLC0415 - only its own library is imported

    return ImapProbe(account, services)


class LinkProbe(Probe):
    """The steps up to signing in; TLS comes before the greeting with SSL and after it with TLS."""

    link: Link

    def endpoint(self) -> Endpoint:
        """Return where the account connects."""
        where = self.link.settings
        return Endpoint(where.host, where.port, proxy_url=where.proxy_url or None)

    def steps(self) -> Sequence[Step]:
        """Return the steps from CONNECT to AUTHENTICATION."""
        greet = Step((Rung.GREETING,), self.link.greet)
        secured = {
            "SSL": [Step((Rung.TLS,), self.link.secure), greet],
            "TLS": [greet, Step((Rung.TLS,), self.link.upgrade)],
            "none": [Step((Rung.TLS,), self._no_tls), greet],
        }
        connect = Step((Rung.CONNECT,), self.link.connect)
        # Whether the server offers a sign-in that suits the account shows when one is chosen.
        sign_in = Step((Rung.CAPABILITIES, Rung.AUTHENTICATION), self.link.sign_in)
        return [connect, *secured[self.link.settings.use_ssl_tls], sign_in]

    async def close(self) -> None:
        """End the session."""
        await self.link.close()

    async def _no_tls(self) -> str:
        return ""
