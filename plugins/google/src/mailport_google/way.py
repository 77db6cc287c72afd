"""How to reach an endpoint: through the egress policy and the account's proxy, with the account's own trust."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, replace

from mailport import tls
from mailport.account import Account
from mailport.egress import EgressPolicy
from mailport.errors import MailportError, TimedOut, Unreachable
from mailport.services import Services
from mailport_google.fields import GoogleSettings

__all__ = ["Way", "ways"]


@dataclass(frozen=True, slots=True)
class Way:
    """How to reach one endpoint; ``field`` is the setting that names it."""

    egress: EgressPolicy
    profile: tls.TlsProfile
    timeout: float
    proxy_url: str | None
    field: str

    def connect(self, host: str, port: int) -> ssl.SSLSocket:
        """Return a TLS connection to the address that was checked. Blocks; raises a ``MailportError``."""
        try:
            sock = self.egress.connect_blocking(host, port, timeout=self.timeout, proxy_url=self.proxy_url)
            return self._encrypted(sock, host)
        except MailportError as error:
            if error.field in ("host", "port", "use_ssl_tls"):  # the words of protocols that have these fields
                error.field = self.field
            raise

    def _encrypted(self, sock: socket.socket, host: str) -> ssl.SSLSocket:
        try:
            return tls.context(self.profile).wrap_socket(sock, server_hostname=host)
        except BaseException as error:
            sock.close()
            if isinstance(error, ssl.SSLError):
                raise tls.explain(error, host=host) from error
            if isinstance(error, TimeoutError):
                raise TimedOut(f"{host} stayed silent during the TLS handshake.", code="tls.timeout", field="host") from error
            if isinstance(error, OSError):
                raise Unreachable(f"{host} ended the TLS handshake.", code="tls.cut", field="host") from error
            raise


def ways(account: Account, settings: GoogleSettings, services: Services) -> tuple[Way, Way]:
    """Return the ways to the API and to the token endpoint."""
    profile = tls.TlsProfile(
        component=account.component,
        minimum=settings.minimum_tls_version,
        ca_certificates=settings.ca_certificates,
    )
    api = Way(services.egress, profile, account.timeout, settings.proxy_url or None, "api_url")
    return api, replace(api, field="token_url")
