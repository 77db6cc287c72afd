"""Test Connection of a POP3 inbox: messages are counted, and one header is read, which marks nothing."""

from __future__ import annotations

import poplib
from collections.abc import Sequence

from mailport.account import Account
from mailport.services import Services
from mailport.transport import Rung, Step
from mailport_smtp.link_probe import LinkProbe
from mailport_smtp.pop3.link import Pop3Link
from mailport_smtp.pop3.maildrop import Entry
from mailport_smtp.pop3.wire import is_refusal
from mailport_smtp.told import messages

__all__ = ["Pop3Probe"]


class Pop3Probe(LinkProbe):
    """The steps of a POP3 account."""

    link: Pop3Link

    def __init__(self, account: Account, services: Services) -> None:
        self.link = Pop3Link(account, services)

    def steps(self) -> Sequence[Step]:
        """Return the steps from CONNECT to READ."""
        return [*super().steps(), Step((Rung.FOLDER,), self._count), Step((Rung.READ,), self._read)]

    async def _count(self) -> str:
        entries = await self.link.run(Rung.FOLDER, self._entries)
        return f"The mailbox holds {messages(len(entries))}."

    def _entries(self) -> list[Entry]:
        return list(self.link.maildrop.entries().values())

    async def _read(self) -> str:
        return await self.link.run(Rung.READ, self._read_blocking)

    def _read_blocking(self) -> str:
        entries = self._entries()
        if not entries:
            return "The mailbox is empty: there is nothing to read."
        try:
            lines = self.link.maildrop.header(entries[-1])
        except poplib.error_proto as error:
            if not is_refusal(error):
                raise
            return "The server reads no headers alone (TOP), so nothing was read."
        return f"The header of the newest message was read ({len(lines)} lines)."
