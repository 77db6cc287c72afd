"""The steps of Test Connection: the same calls as the work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from mailport.account import Account
from mailport.fields import Direction
from mailport.services import Services
from mailport.transport import Endpoint, Probe, Rung, Step
from mailport_ews.client import Client
from mailport_ews.hosted import ENDS, is_hosted
from mailport_ews.wire import split_path

__all__ = ["EwsProbe"]


class EwsProbe(Probe):
    """Greets the server without signing in, signs in, and looks at the folder that the work needs."""

    def __init__(self, account: Account, services: Services) -> None:
        self._account = account
        self._settings: Any = account.settings
        self._client = Client(account, services)

    def __repr__(self) -> str:
        return f"<EwsProbe {self._account.user_name}>"

    def endpoint(self) -> Endpoint:
        """Return the server; its port is a part of the address in Host."""
        url = urlsplit(self._settings.host)
        proxy_url = self._settings.proxy_url or None
        return Endpoint(str(url.hostname), url.port or 443, host_field="host", port_field="host", proxy_url=proxy_url)

    def steps(self) -> Sequence[Step]:
        """Return three steps, each of which asks the server for something that can fail by itself."""
        return (
            Step((Rung.CONNECT, Rung.TLS, Rung.GREETING, Rung.CAPABILITIES), self._greet),
            Step((Rung.AUTHENTICATION, Rung.PERMISSION), self._sign_in),
            Step((Rung.FOLDER,), self._folder),
        )

    async def close(self) -> None:
        """Hang up."""
        await self._client.close()

    async def _greet(self) -> str:
        schemes = await self._client.greet()
        offers = f"EWS answers and offers {', '.join(sorted(schemes)) or 'no sign-in'}."
        return f"{offers} {ENDS}" if is_hosted(self._settings.host) else offers

    async def _sign_in(self) -> str:
        await self._client.sign_in()
        how = "with a token" if self._client.has_token else "with the password"
        return f"Signed in {how}; the mailbox {self._account.user_name} can be used."

    async def _folder(self) -> str:
        operations = self._client.operations
        if self._account.direction is Direction.OUTGOING:
            if not self._settings.save_to_sent_items:
                return ""  # sending needs no folder
            await self._client.call(operations.look_at, operations.sent_items())
            return "Copies will be saved in the sent items."
        folder = await self._client.call(operations.folder, split_path(self._settings.folder))
        page = await self._client.call(operations.changes, folder, None, 1)
        return f"{self._settings.folder} can be read; it {'holds messages' if page.changes else 'is empty'}."
