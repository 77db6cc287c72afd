"""A folder and the threads that may touch it: files are read and written beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, TypeVar

from mailport.account import Account
from mailport.errors import ConfigurationError, Unreachable
from mailport.services import Services
from mailport_maildir.fields import MaildirIncoming, MaildirSettings
from mailport_maildir.folder import Folder
from mailport_maildir.translate import translated

__all__ = ["Disk"]

T = TypeVar("T")

DRAIN = 5.0
"""Seconds that closing waits for threads; a dead network drive never answers."""


class Disk:
    """Runs what blocks, in at most ``threads`` threads, and closes the folder when the last of them is done."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, "maildir")
        self._folder: Folder | None = None
        self._is_open = True

    @property
    def is_open(self) -> bool:
        """Whether work is still taken."""
        return self._is_open

    async def open(self, account: Account, services: Services, *, create: bool = True) -> Folder:
        """Open the account's folder; ``create`` makes the Maildir where it is missing."""
        self._folder = await self.run(_open, account, services, create)
        return self._folder

    async def run(self, work: Callable[..., T], *args: object) -> T:
        """Do ``work`` in a thread. Cancelling does not stop a thread, so whoever cancels must see to what it does."""
        if not self._is_open:
            raise Unreachable("The Maildir is not open.", code="connect.closed")
        with translated():
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    def release(self, file: BinaryIO) -> None:
        """Close a file once no thread reads it any more: whoever stopped listening did not stop the thread."""
        try:
            self._threads.submit(file.close)
        except RuntimeError:  # the threads have ended
            file.close()

    async def close(self) -> None:
        """Take no more work; wait for what is under way, but not for ever."""
        if self._is_open:
            self._is_open = False
            await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(self._end))], timeout=DRAIN)

    def _end(self) -> None:
        self._threads.shutdown(wait=True)
        if self._folder is not None:
            self._folder.close()


def _open(account: Account, services: Services, create: bool) -> Folder:
    settings = account.settings
    assert isinstance(settings, MaildirSettings)  # noqa: S101 - core dispatches accounts of this protocol only
    if services.local_root is None or not services.local_root.is_dir():
        raise ConfigurationError(
            "No folder for local mail is set aside on this machine, or it does not exist.",
            code="settings.local_root",
            field="directory",
            remedy="Have the operator name an existing folder (local_root), or choose another protocol.",
        )
    folder = settings.folder if isinstance(settings, MaildirIncoming) else "INBOX"
    return Folder.open(services.local_root, settings.directory, folder, create=create)
