"""The steps of Test Connection: the calls that the work makes, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from mailport.account import Account
from mailport.errors import PermissionDenied
from mailport.services import Services
from mailport.transport import Endpoint, Probe, Rung, Step
from mailport_google.fields import GoogleIncoming
from mailport_google.gmail import Gmail
from mailport_google.labels import Labels
from mailport_google.listing import message_facts

__all__ = ["GoogleProbe"]


class GoogleProbe(Probe):
    """Connects to both endpoints, signs in, asks who it is, and looks for the label."""

    def __init__(self, account: Account, services: Services) -> None:
        self._gmail = Gmail(account, services)
        self._settings = self._gmail.settings
        self._labels = Labels(self._gmail)

    def __repr__(self) -> str:
        return f"<GoogleProbe {self._gmail!r}>"

    def endpoint(self) -> Endpoint:
        """Return where the API is."""
        url = urlsplit(self._settings.api_url)
        proxy = self._settings.proxy_url or None
        return Endpoint(url.hostname or "", url.port or 443, host_field="api_url", port_field="api_url", proxy_url=proxy)

    async def close(self) -> None:
        """End the connections."""
        await self._gmail.close()

    def steps(self) -> Sequence[Step]:
        """Return the steps; HTTP has neither a greeting nor capabilities."""
        return (
            Step((Rung.CONNECT, Rung.TLS), self._reach),
            Step((Rung.AUTHENTICATION, Rung.PERMISSION), self._sign_in),
            Step((Rung.FOLDER,), self._find_label),
            Step((Rung.READ,), self._read_header),
        )

    async def _reach(self) -> str:
        return f"Connected to {urlsplit(self._settings.api_url).hostname} by {await self._gmail.reach()}."

    async def _sign_in(self) -> str:
        await self._gmail.open()
        try:
            profile = await self._gmail.call(lambda users: users.getProfile(userId="me"), "permission")
        except PermissionDenied as error:
            if error.code != "permission.scope" or isinstance(self._settings, GoogleIncoming):
                raise
            return f"Google lets the service account send as {self._settings.user_name}, and nothing more."
        return f"Signed in as {profile.get('emailAddress', self._settings.user_name)}."

    async def _find_label(self) -> str:
        if not isinstance(self._settings, GoogleIncoming):
            return ""  # sending needs no label
        await self._labels.find(self._settings.folder)
        return f"The label {self._settings.folder} is there."

    async def _read_header(self) -> str:
        if not isinstance(self._settings, GoogleIncoming):
            return ""  # sending needs no right to read
        label = await self._labels.find(self._settings.folder)
        answer = await self._gmail.call(
            lambda users: users.messages().list(userId="me", labelIds=[label], maxResults=1), "read"
        )
        keys = [str(message["id"]) for message in answer.get("messages", ())]
        if not keys or await message_facts(self._gmail, keys[0]) is None:
            return "The label is empty."
        return "The newest message can be read."
