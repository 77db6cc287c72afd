"""One folder of a Maildir on disk: the only module that touches files. Everything here blocks.

Directories are held by descriptors, and every step of a path is opened without following links: neither a link that lies
there nor one that is put there later leads out of the operator's folder.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mailport_maildir.wire import SEEN, folder_directory, key_of, with_flag

__all__ = ["Entry", "Folder"]

PARTS = ("tmp", "new", "cur")
STALE = 36 * 3600.0
"""Seconds after which a file in tmp belongs to a delivery that was given up, by the Maildir specification."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_MESSAGE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe in the folder must not stop us
_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a message is: ``part`` is new or cur, ``name`` its file's name there."""

    part: str
    name: str


class Folder:
    """An open folder. ``close`` it when nobody uses it any more: its descriptors may be given to other files then."""

    def __init__(self, mailbox: int, directories: dict[str, int], opened: ExitStack) -> None:
        self._mailbox = mailbox
        self._directories = directories
        self._opened = opened

    @classmethod
    def open(cls, root: Path, directory: str, folder: str, *, create: bool = True) -> Folder:
        """Open a folder of the Maildir ``directory`` below ``root``. A subfolder is never made, the Maildir by ``create``."""
        with ExitStack() as opened:
            # The root is the operator's word: it may be a link.
            base = _kept(opened, os.open(root, os.O_RDONLY | os.O_DIRECTORY))
            for name in directory.split("/"):
                base = _kept(opened, _descend(base, name, create=create))
            return cls._within(base, folder_directory(folder), opened, create=create and not folder_directory(folder))

    @classmethod
    def _within(cls, mailbox: int, subfolder: str, opened: ExitStack, *, create: bool) -> Folder:
        top = _kept(opened, _descend(mailbox, subfolder, create=create)) if subfolder else mailbox
        if subfolder and create:
            os.close(os.open("maildirfolder", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=top))
        directories = {part: _kept(opened, _descend(top, part, create=create)) for part in PARTS}
        return cls(mailbox, directories, opened.pop_all())

    def close(self) -> None:
        """Close the descriptors."""
        self._opened.close()

    @contextmanager
    def sibling(self, folder: str, *, create: bool = False) -> Iterator[Folder]:
        """Open another folder of the same Maildir for a while."""
        with ExitStack() as opened:
            other = self._within(self._mailbox, folder_directory(folder), opened, create=create)
            try:
                yield other
            finally:
                other.close()

    def deliver(self, name: str, chunks: Iterable[bytes], hand_over: Callable[[], bool]) -> None:
        """Write a message into tmp and, if ``hand_over()`` says so, let it appear in new, complete and on the disk."""
        try:
            with os.fdopen(os.open(name, _FRESH, 0o600, dir_fd=self._directories["tmp"]), "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            if hand_over():
                self._rename(Entry("tmp", name), self, Entry("new", name))
                os.fsync(self._directories["new"])
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._directories["tmp"])

    def entries(self) -> dict[str, Entry]:
        """Return every message by its key. First new, then cur: a message wanders from one to the other, never back."""
        found = [Entry(part, name) for part in ("new", "cur") for name in _names(self._directories[part])]
        return {key_of(entry.name): entry for entry in found if not entry.name.startswith(".")}

    def names_everywhere(self) -> Iterator[str]:
        """Yield the names of all messages in all folders of the Maildir."""
        yield from (entry.name for entry in self.entries().values())
        for name in _names(self._mailbox):
            if name.startswith(".") and name != ".":
                # Something else may begin with a dot as well.
                with suppress(FileNotFoundError, NotADirectoryError), ExitStack() as opened:
                    other = self._within(self._mailbox, name, opened, create=False)
                    try:
                        yield from (entry.name for entry in other.entries().values())
                    finally:
                        other.close()

    def facts(self, entry: Entry) -> os.stat_result | None:
        """Return size and time of a message; None if it is gone or is no file."""
        with suppress(FileNotFoundError):
            facts = os.stat(entry.name, dir_fd=self._directories[entry.part], follow_symlinks=False)
            return facts if stat.S_ISREG(facts.st_mode) else None
        return None

    def open_message(self, entry: Entry) -> BinaryIO:
        """Return a file to read a message from."""
        opened = os.open(entry.name, _MESSAGE, dir_fd=self._directories[entry.part])
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            os.close(opened)
            raise FileNotFoundError(errno.ENOENT, "no regular file")
        return os.fdopen(opened, "rb")

    def mark_read(self, entry: Entry) -> None:
        """Give a message the flag Seen, which only cur knows."""
        self._rename(entry, self, Entry("cur", with_flag(entry.name, SEEN)))

    def move(self, entry: Entry, other: Folder) -> None:
        """Move a message into another folder; its name, and with it key and flags, stay."""
        self._rename(entry, other, entry)

    def remove(self, entry: Entry) -> None:
        """Delete a message."""
        os.unlink(entry.name, dir_fd=self._directories[entry.part])

    def remove_stale(self) -> None:
        """Delete what deliveries left in tmp that were given up long ago."""
        tmp = self._directories["tmp"]
        for name in _names(tmp):
            with suppress(FileNotFoundError, IsADirectoryError):
                if os.stat(name, dir_fd=tmp, follow_symlinks=False).st_mtime < time.time() - STALE:
                    os.unlink(name, dir_fd=tmp)

    def is_writable(self) -> bool:
        """Whether messages can be delivered here."""
        return os.access("tmp", os.W_OK | os.X_OK, dir_fd=self._mailbox)

    def _rename(self, source: Entry, other: Folder, target: Entry) -> None:
        there = other._directories[target.part]
        os.rename(source.name, target.name, src_dir_fd=self._directories[source.part], dst_dir_fd=there)


def _kept(opened: ExitStack, descriptor: int) -> int:
    opened.callback(os.close, descriptor)
    return descriptor


def _descend(parent: int, name: str, *, create: bool) -> int:
    if create:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
    return os.open(name, _DIRECTORY, dir_fd=parent)


def _names(directory: int) -> list[str]:
    """List a directory through a descriptor of its own: two listings through one would share a position."""
    own = os.open(".", _DIRECTORY, dir_fd=directory)
    try:
        return os.listdir(own)
    finally:
        os.close(own)
