"""The steps of Test Connection: the same calls as the work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mailport.account import Account
from mailport.errors import NotFound, Unreachable
from mailport.testing.memory.fields import MemoryIncoming
from mailport.testing.memory.server import Connection, MemoryMail
from mailport.testing.memory.session import connect, settings_of, sign_in
from mailport.testing.memory.translate import translated
from mailport.transport import Probe, Rung, Step

__all__ = ["MemoryProbe"]


class MemoryProbe(Probe):
    """Connects, signs in and looks at the folder."""

    def __init__(self, account: Account, mail: MemoryMail) -> None:
        self._account = account
        self._mail = mail
        self._connection: Connection | None = None

    def __repr__(self) -> str:
        return f"<MemoryProbe {self._account.user_name}>"

    async def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def steps(self) -> Sequence[Step]:
        """Return one step for each thing that can go wrong by itself."""
        return (
            Step((Rung.CONNECT, Rung.GREETING), self._connect),
            Step((Rung.AUTHENTICATION,), self._sign_in),
            Step((Rung.FOLDER,), self._folder),
        )

    async def _connect(self) -> str:
        self._connection = await connect(self._account, self._mail)
        return "Connected."

    async def _sign_in(self) -> str:
        await sign_in(self._account, self._connected())
        return f"Signed in as {self._account.user_name}."

    async def _folder(self) -> str:
        settings = settings_of(self._account)
        if not isinstance(settings, MemoryIncoming):
            return ""  # sending needs no folder
        async with translated(), asyncio.timeout(self._account.timeout):
            mailbox = await self._connected().mailbox()
        if settings.folder not in mailbox.folders:
            raise NotFound(
                f"There is no folder {settings.folder}.",
                field="folder",
                remedy=f"Choose one of: {', '.join(sorted(mailbox.folders))}.",
            )
        return f"{settings.folder} holds {len(mailbox.mails(settings.folder))} messages."

    def _connected(self) -> Connection:
        if self._connection is None:
            raise Unreachable("The probe is not connected.")
        return self._connection
