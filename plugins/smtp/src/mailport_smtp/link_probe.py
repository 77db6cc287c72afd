"""The steps of Test Connection that IMAP and POP3 share: what a poll does, one call at a time, and nothing changes."""

from __future__ import annotations

from collections.abc import Sequence

from mailport.errors import TimedOut
from mailport.transport import Endpoint, Probe, Rung, Step
from mailport_smtp.knock import check_ssl, patience
from mailport_smtp.link import Link
from mailport_smtp.told import UNENCRYPTED

__all__ = ["LinkProbe"]


class LinkProbe(Probe):
    """The steps up to signing in; TLS comes before the greeting with SSL and after it with TLS."""

    link: Link

    def endpoint(self) -> Endpoint:
        """Return where the account connects."""
        where = self.link.settings
        return Endpoint(where.host, where.port, proxy_url=where.proxy_url or None)

    def steps(self) -> Sequence[Step]:
        """Return the steps from CONNECT to AUTHENTICATION."""
        greet = Step((Rung.GREETING,), self._greet)
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

    async def _greet(self) -> str:
        try:
            return await self.link.greet(patience(self.link.account))
        except TimedOut:
            if self.link.settings.use_ssl_tls != "SSL":
                await check_ssl(self.endpoint(), self.link.services)
            raise

    async def _no_tls(self) -> str:
        return UNENCRYPTED
