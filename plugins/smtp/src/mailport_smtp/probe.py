"""The steps of Test Connection for SMTP: the calls that a sender makes, one at a time."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Any

from mailport.account import Account
from mailport.errors import TimedOut
from mailport.services import Services
from mailport.transport import Endpoint, Probe, Rung, Step
from mailport_smtp.knock import check_ssl, patience
from mailport_smtp.said import clean
from mailport_smtp.smtp.connection import Connection, settings_of
from mailport_smtp.smtp.envelope import return_path
from mailport_smtp.told import UNENCRYPTED
from mailport_smtp.wire import mail_command, path

__all__ = ["SmtpProbe"]

_PATIENCE = 0.9
"""Share of the test's time that a step may take: a silent server is told by the step, which knows what it means."""


class SmtpProbe(Probe):
    """Connects, negotiates, signs in, and asks whether the server takes mail from the account's sender."""

    def __init__(self, account: Account, services: Services) -> None:
        self._account = account
        self._services = services
        self._connection = Connection(account, services, timeout=_PATIENCE * account.timeout)

    def endpoint(self) -> Endpoint:
        """Return where the account connects."""
        return self._connection.endpoint

    def steps(self) -> Sequence[Step]:
        """Return the steps. With SSL the handshake and the greeting are one call, with TLS it needs a first EHLO."""
        greet, hello = Step((Rung.GREETING,), self._greet), Step((Rung.CAPABILITIES,), self._hello)
        established = {
            "SSL": [Step((Rung.TLS, Rung.GREETING), self._greet_by_tls), hello],
            "TLS": [greet, Step((Rung.TLS,), self._start_tls), hello],
            "none": [Step((Rung.TLS,), self._no_tls), greet, hello],
        }
        return (
            Step((Rung.CONNECT,), self._connect),
            *established[settings_of(self._account).use_ssl_tls],
            Step((Rung.AUTHENTICATION,), self._sign_in),
            Step((Rung.PERMISSION,), self._ask_sender),
        )

    async def close(self) -> None:
        """Say QUIT and hang up."""
        await self._connection.close()

    async def _connect(self) -> str:
        await self._connection.connect()
        where = self.endpoint()
        return f"{where.host}:{where.port} answers."

    async def _no_tls(self) -> str:
        return UNENCRYPTED

    async def _greet(self) -> str:
        try:
            greeting = await self._connection.greet(patience(self._account))
        except TimedOut:
            await check_ssl(self.endpoint(), self._services)
            raise
        return f"The server greets: {clean(greeting, self._account)}"

    async def _greet_by_tls(self) -> str:
        greeting = clean(await self._connection.greet(), self._account)
        return f"{self._described_tls()} The server greets: {greeting}"

    async def _start_tls(self) -> str:
        await self._connection.hello()
        await self._connection.start_tls()
        return self._described_tls()

    def _described_tls(self) -> str:
        tls = self._connection.tls_object
        return "" if tls is None else _described(tls)

    async def _hello(self) -> str:
        await self._connection.hello()
        self._connection.mechanism()  # a server without a suitable sign-in lacks a capability
        offered = (f"{name} {value}".strip().upper() for name, value in self._connection.offered.items())
        return clean(f"The server offers {', '.join(offered) or 'no extension'}.", self._account)

    async def _sign_in(self) -> str:
        mechanism = await self._connection.sign_in()
        return f"Signed in as {self._account.user_name} ({mechanism})." if mechanism else ""

    async def _ask_sender(self) -> str:
        sender = return_path(None, self._account)
        parameters = [] if sender.rpartition("@")[0].isascii() else ["SMTPUTF8"]
        await self._connection.ask_sender(mail_command(path(sender, field="user_name"), parameters))
        return f"The server takes mail from {sender}."


def _described(tls: ssl.SSLObject) -> str:
    """Return what was agreed on in a handshake, for a person."""
    version = (tls.version() or "TLS").replace("TLSv", "TLS ")
    cipher = tls.cipher()
    certificate: Any = tls.getpeercert() or {}
    names = [value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"]
    names = names or [value for _, value in certificate.get("subjectAltName", ())]
    return f"{version} with {cipher[0] if cipher else 'an unknown cipher'}, certificate of {', '.join(names[:3])}."
