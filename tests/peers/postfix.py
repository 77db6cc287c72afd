"""A private Postfix with one port for every kind of submission server; its mail ends in the folders of a Dovecot."""

import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers import postfix_config
from tests.peers.dovecot import Dovecot
from tests.peers.pki import Pki
from tests.peers.ports import HOST, free_port
from tests.peers.process import foreground, need, need_root, private_folder, share

PACKAGE = "postfix"
QUEUES = "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"
MASTER_FOLDER = "/usr/lib/postfix/sbin"


class Postfix:
    """The running server: one attribute per port.

    Mail for the recipients in `postfix_config.VERDICTS` is refused with the reply that stands there, everybody else at
    example.test gets it, other domains are refused. The ports are the keys of `postfix_config.SERVICES`.
    """

    host = HOST

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in postfix_config.SERVICES}
        self.plain = self.ports["plain"]  # no TLS, no AUTH
        self.submission = self.ports["submission"]  # STARTTLS and AUTH required
        self.smtps = self.ports["smtps"]  # implicit TLS, AUTH required
        self.tls10 = self.ports["tls10"]  # STARTTLS with TLS 1.0 or 1.1 only
        self.expired = self.ports["expired"]
        self.wrong_name = self.ports["wrong_name"]
        self.unknown_ca = self.ports["unknown_ca"]
        self.client_cert = self.ports["client_cert"]  # STARTTLS, takes a certificate of our authority instead of AUTH
        self.no_8bitmime = self.ports["no_8bitmime"]  # clear text and hardly any extension
        self.small = self.ports["small"]  # at most `postfix_config.SMALL` bytes a message

    @property
    def log(self) -> str:
        """What it wrote about its sessions and deliveries."""
        return (self.folder / "postfix.log").read_text(errors="replace")


@contextmanager
def serve_postfix(pki: Pki, dovecot: Dovecot) -> Iterator[Postfix]:
    """A Postfix that serves until the block ends; `dovecot` checks its passwords and tokens and keeps its mail."""
    need("postfix", PACKAGE)
    need_root("postfix")
    program = need("master", PACKAGE, folder=MASTER_FOLDER)
    with private_folder("postfix") as folder:
        server = Postfix(folder)
        postfix_config.write(folder, server.ports, pki=pki, dovecot=dovecot)
        share(folder)
        _make_queue(folder)
        command: list[str | Path] = [program, "-c", folder, "-s"]
        with foreground(command, ports=[*server.ports.values()], log=folder / "master.log", patience=0):
            yield server


def _make_queue(folder: Path) -> None:
    """The folders that `postfix start` would make, which takes three seconds."""
    owner, group = pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postdrop").gr_gid
    _make(folder / "data", 0o700, owner)
    _make(folder / "queue", 0o755)
    _make(folder / "queue/pid", 0o755)
    _make(folder / "queue/public", 0o710, owner, group)
    _make(folder / "queue/maildrop", 0o730, owner, group)
    for name in QUEUES:
        _make(folder / "queue" / name, 0o700, owner)


def _make(path: Path, mode: int, owner: int = 0, group: int = 0) -> None:
    path.mkdir()
    path.chmod(mode)
    os.chown(path, owner, group)
