"""Test Connection of an IMAP inbox: the folder is opened for reading only, and one header is read without marking it."""

from __future__ import annotations

from collections.abc import Sequence

from mailport.account import Account
from mailport.services import Services
from mailport.transport import Rung, Step
from mailport_smtp.imap.folders import Status, check_name, resolve, select, selectable
from mailport_smtp.imap.link import ImapLink
from mailport_smtp.link_probe import LinkProbe
from mailport_smtp.told import messages

__all__ = ["ImapProbe"]

_SHOWN = 10
_HEADER = "BODY.PEEK[HEADER]<0.65536>"


class ImapProbe(LinkProbe):
    """The steps of an IMAP account."""

    link: ImapLink

    def __init__(self, account: Account, services: Services) -> None:
        self.link = ImapLink(account, services)
        self._folder: str = getattr(account.settings, "folder", "INBOX")
        self._status: Status | None = None

    def steps(self) -> Sequence[Step]:
        """Return the steps from CONNECT to READ."""
        return [*super().steps(), Step((Rung.FOLDER,), self._open_folder), Step((Rung.READ,), self._read)]

    async def _open_folder(self) -> str:
        check_name(self._folder)
        return await self.link.run(Rung.FOLDER, self._open_blocking)

    def _open_blocking(self) -> str:
        client = self.link.client
        self._status = select(client, resolve(client, self._folder), read_only=True)
        names = selectable(client)
        shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        return f"“{self._status.name}” holds {messages(self._status.exists)}. Folders: {shown}."

    async def _read(self) -> str:
        return await self.link.run(Rung.READ, self._read_blocking)

    def _read_blocking(self) -> str:
        if self._status is None or not self._status.exists:
            return "The folder is empty: there is nothing to read."
        newest = max(self.link.client.search([f"{self._status.exists}:*"]))
        answer = self.link.client.fetch([newest], [_HEADER]).get(newest, {})
        header = next((value for name, value in answer.items() if name.startswith(b"BODY[")), b"")
        return f"The header of the newest message was read ({len(header or b'')} bytes)."
