"""Folders of a Maildir, read and written from the side, without the server's help."""

import base64
import itertools
import os
import pwd
import re
import time
from pathlib import Path

_serial = itertools.count(1)


class Maildir:
    """One folder of a Maildir++ tree; what is written belongs to `owner`."""

    def __init__(self, root: Path, folder: str, owner: pwd.struct_passwd) -> None:
        self._path = root if folder == "INBOX" else root / f".{modified_utf7(folder).replace('/', '.')}"
        self._owner = owner

    def add(self, raw: bytes) -> None:
        """Deliver `raw` as it stands."""
        for name in ("cur", "new", "tmp"):
            self._make(self._path / name)
        seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        name = f"{seconds}.M{nanoseconds // 1000:06}P{os.getpid()}Q{next(_serial)}.localhost"
        unfinished = self._path / "tmp" / name
        unfinished.write_bytes(raw)
        self._give(unfinished)
        unfinished.rename(self._path / "new" / name)

    def messages(self) -> list[bytes]:
        """The content of every message, oldest first."""
        while True:
            try:
                return [path.read_bytes() for path in self._files()]
            except FileNotFoundError:  # the server renamed one between our two looks
                continue

    def wait_for(self, count: int, deadline: float = 10.0) -> list[bytes]:
        """The messages, as soon as there are at least `count`."""
        give_up = time.monotonic() + deadline
        while len(found := self.messages()) < count:
            if time.monotonic() > give_up:
                raise TimeoutError(f"{len(found)} of {count} messages in {self._path} after {deadline} s")
            time.sleep(0.01)
        return found

    def _files(self) -> list[Path]:
        found = [*self._path.glob("cur/*"), *self._path.glob("new/*")]
        return sorted(found, key=_delivery_time)

    def _make(self, folder: Path) -> None:
        if not folder.exists():
            self._make(folder.parent)
            folder.mkdir()
            self._give(folder)

    def _give(self, path: Path) -> None:
        os.chown(path, self._owner.pw_uid, self._owner.pw_gid)


def modified_utf7(name: str) -> str:
    """A mailbox name as IMAP4rev1 writes it (RFC 3501, section 5.1.3)."""
    return re.sub(r"[^ -~]+|&", _shift, name)


def _shift(run: re.Match[str]) -> str:
    if run[0] == "&":
        return "&-"
    encoded = base64.b64encode(run[0].encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
    return f"&{encoded.decode()}-"


def _delivery_time(path: Path) -> tuple[int, int, str]:
    """Seconds and microseconds out of the file name, in Dovecot's, Postfix's and our own spelling."""
    parts = re.match(r"(\d+)\.\w*?M(\d+)", path.name)
    return (int(parts[1]), int(parts[2]), path.name) if parts else (0, 0, path.name)
