"""The one step of Test Connection: the directory is there, or can be made, and can be used."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from mailport.account import Account
from mailport.fields import Direction
from mailport.services import Services
from mailport.transport import Probe, Rung, Step
from mailport_maildir.disk import Disk
from mailport_maildir.folder import Folder

__all__ = ["MaildirProbe"]


class MaildirProbe(Probe):
    """Opens the folder as sender and receiver do."""

    def __init__(self, account: Account, services: Services) -> None:
        self._account = account
        self._services = services
        self._disk = Disk(1)

    def __repr__(self) -> str:
        return f"<MaildirProbe {self._account.user_name}>"

    def steps(self) -> Sequence[Step]:
        """Return the step."""
        return (Step((Rung.PERMISSION, Rung.FOLDER), self._look),)

    async def close(self) -> None:
        """Close the folder."""
        await self._disk.close()

    async def _look(self) -> str:
        folder = await self._disk.open(self._account, self._services)
        return await self._disk.run(self._describe, folder)

    def _describe(self, folder: Folder) -> str:
        if self._account.direction is Direction.OUTGOING and not folder.is_writable():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return f"The folder holds {len(folder.entries())} messages."
