"""The one step of Test Connection: the directory is there and can be used. Nothing is made, so that a typo is noticed."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from mailport.account import Account
from mailport.errors import NotFound
from mailport.fields import Direction
from mailport.services import Services
from mailport.transport import Probe, Rung, Step
from mailport_maildir.disk import Disk
from mailport_maildir.folder import Folder
from mailport_maildir.wire import INBOX

__all__ = ["MaildirProbe"]


class MaildirProbe(Probe):
    """Opens the folder as sender and receiver do, but makes none."""

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
        try:
            folder = await self._disk.open(self._account, self._services, create=False)
        except NotFound as error:
            return self._missing(error)
        return await self._disk.run(self._describe, folder)

    def _missing(self, error: NotFound) -> str:
        if self._account.direction is Direction.OUTGOING:
            return "The directory is not there yet: the first mail makes it."
        if getattr(self._account.settings, "folder", INBOX).upper() == INBOX:
            error.field = "directory"
        error.remedy = "Check the names of directory and folder; a directory is made when mail is sent or fetched."
        raise error

    def _describe(self, folder: Folder) -> str:
        if self._account.direction is Direction.OUTGOING and not folder.is_writable():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        count = len(folder.entries())
        return f"The folder holds {count} message{'' if count == 1 else 's'}."
