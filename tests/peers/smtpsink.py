"""Postfix's smtp-sink: a server for load that takes everything, and can be told to fail."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.ports import HOST, free_port
from tests.peers.process import foreground, need, private_folder

_UNPRIVILEGED = "nobody"


class SmtpSink:
    """Where it listens and what it took."""

    host = HOST

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._dump = folder / "dump"
        self._dump.mkdir()

    def messages(self) -> list[bytes]:
        """What was sent, oldest first, with LF line ends, below X- fields about the envelope that smtp-sink writes."""
        return [path.read_bytes() for path in sorted(self._dump.iterdir(), key=lambda path: path.stat().st_mtime_ns)]

    def command(self, program: str, options: tuple[str, ...]) -> list[str]:
        """How to start it; root must become somebody else."""
        user: list[str] = []
        if os.geteuid() == 0:
            os.chown(self._dump, pwd.getpwnam(_UNPRIVILEGED).pw_uid, -1)
            user = ["-u", _UNPRIVILEGED]
        return [program, *user, *options, f"{HOST}:{self.port}", "200"]

    def dump_options(self) -> tuple[str, str]:
        """Keep every message in a file."""
        return "-d", f"{self._dump}/"


@contextmanager
def serve_smtp_sink(*options: str, dump: bool = True) -> Iterator[SmtpSink]:
    """An smtp-sink with command line `options` (see smtp-sink(1)) until the block ends; `dump` keeps the messages."""
    program = need("smtp-sink", "postfix")
    with private_folder("sink") as folder:
        sink = SmtpSink(folder)
        command = sink.command(program, (*options, *(sink.dump_options() if dump else ())))
        with foreground(command, ports=[sink.port], log=folder / "sink.log"):
            yield sink
