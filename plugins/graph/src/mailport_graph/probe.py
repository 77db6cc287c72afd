"""The steps of Test Connection: the same calls as the work, and no right that the work does not need."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

from mailport.account import Account
from mailport.errors import PermissionDenied, Refused
from mailport.services import Services
from mailport.transport import Endpoint, Probe, Rung, Step
from mailport_graph.client import Call, GraphClient, settings_of
from mailport_graph.fields import GraphIncoming
from mailport_graph.folders import folder_id
from mailport_graph.network import Backend
from mailport_graph.token import roles

__all__ = ["GraphProbe"]


class GraphProbe(Probe):
    """Connects, gets a token and asks what the app may do with the mailbox."""

    def __init__(self, account: Account, services: Services) -> None:
        self._account = account
        self._settings = settings_of(account)
        self._services = services
        self._client = GraphClient(account, services)
        self._roles: frozenset[str] | None = None

    def __repr__(self) -> str:
        return f"<GraphProbe {self._account.user_name}>"

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()

    def endpoint(self) -> Endpoint:
        """Return the host of Microsoft Graph."""
        graph = urlsplit(self._settings.graph)
        return Endpoint(
            host=graph.hostname or "",
            port=graph.port or 443,
            host_field="cloud",
            port_field="cloud",
            proxy_url=self._settings.proxy_url or None,
        )

    def steps(self) -> Sequence[Step]:
        """Return the steps from the connection to the mailbox."""
        work = self._may_read if isinstance(self._settings, GraphIncoming) else self._may_send
        return (
            Step((Rung.CONNECT, Rung.TLS), self._connect),
            Step((Rung.AUTHENTICATION,), self._sign_in),
            Step((Rung.PERMISSION, Rung.FOLDER), work),
        )

    async def _connect(self) -> str:
        where = self.endpoint()
        timeout = self._account.timeout
        plain = await Backend(self._settings, self._services).connect_tcp(where.host, where.port, timeout)
        stream = await plain.start_tls(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), where.host, timeout)
        version = stream.get_extra_info("ssl_object").version()
        await stream.aclose()
        return f"{where.host} speaks {version}."

    async def _sign_in(self) -> str:
        await self._client.open()
        self._roles = roles(await self._client.tokens.get())
        named = ", ".join(sorted(self._roles)) if self._roles else "no application permission (RBAC for Applications?)"
        return f"The app got a token; it names {named}."

    async def _may_send(self) -> str:
        """Send a message without recipients: Exchange checks the right and the mailbox, and then refuses the message."""
        body = {"message": {"subject": "Test of the permission", "toRecipients": []}, "saveToSentItems": False}
        try:
            await self._client.call(Call(method="POST", path=f"{self._client.mailbox}/sendMail", body=body))
        except PermissionDenied as error:
            self._name_roles(error)
            raise
        except Refused:
            pass
        return f"The app may send as {self._account.user_name}."

    async def _may_read(self) -> str:
        assert isinstance(self._settings, GraphIncoming)  # noqa: S101 - chosen by it
        try:
            folder = await folder_id(self._client, self._settings.folder)
            query = "$top=1&$select=id,receivedDateTime"
            await self._client.call(
                Call(method="GET", path=f"{self._client.mailbox}/mailFolders/{quote(folder, safe='')}/messages?{query}")
            )
        except PermissionDenied as error:
            self._name_roles(error)
            raise
        lacking = self._roles and "Mail.Read" in self._roles and "Mail.ReadWrite" not in self._roles
        only = " Without Mail.ReadWrite messages can be read, not marked, moved or deleted." if lacking else ""
        return f"{self._settings.folder} can be read.{only}"

    def _name_roles(self, error: PermissionDenied) -> None:
        """Add to a refusal which permissions the token has: most often the right one is missing."""
        if self._roles:
            error.message = f"{error.message} The token names: {', '.join(sorted(self._roles))}."
