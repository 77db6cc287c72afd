"""A private Dovecot: IMAP, POP3, LMTP and a SASL service for Postfix, with users that are added while it runs."""

import base64
import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers import dovecot_config
from tests.peers.maildir import Maildir
from tests.peers.pki import Pki
from tests.peers.ports import HOST, free_port
from tests.peers.process import foreground, need, private_folder, share

PACKAGES = "dovecot-core, dovecot-imapd, dovecot-pop3d and dovecot-lmtpd"


class Dovecot:
    """The running server: its ports, its users and their mail on disk."""

    host = HOST

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("imap", "imaps", "pop3", "pop3s", "lmtp", "sasl")}
        self.imap = self.ports["imap"]  # STARTTLS is offered
        self.imaps = self.ports["imaps"]
        self.pop3 = self.ports["pop3"]  # STLS is offered
        self.pop3s = self.ports["pop3s"]
        self.lmtp = self.ports["lmtp"]
        self.sasl = self.ports["sasl"]
        self.owner = _owner()
        self.mail_root = folder / "mail"  # holds <user>/Maildir
        self._users = folder / "users"
        self._log = folder / "dovecot.log"
        self._log.touch()
        os.chown(self._log, self.owner.pw_uid, self.owner.pw_gid)
        for made in (self.mail_root, self._users, folder / "run"):
            made.mkdir()
            os.chown(made, self.owner.pw_uid, self.owner.pw_gid)

    @property
    def log(self) -> str:
        """What it wrote about its sessions."""
        return self._log.read_text(errors="replace")

    def add_user(self, name: str, password: str) -> None:
        """Let `name` sign in with `password`; the password may be any text, the name all but slash and colon."""
        secret = base64.b64encode(password.encode()).decode()
        entry = self._users / name
        entry.write_text(f"{name}:{{PLAIN.b64}}{secret}\n", encoding="utf-8")
        os.chown(entry, self.owner.pw_uid, self.owner.pw_gid)

    def deliver(self, user: str, raw: bytes, folder: str = "INBOX") -> None:
        """Put a message into a folder of `user`, byte for byte."""
        self._maildir(user, folder).add(raw)

    def messages(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """All messages in a folder of `user`, read from disk, oldest first."""
        return self._maildir(user, folder).messages()

    def wait_for_messages(self, user: str, count: int = 1, folder: str = "INBOX") -> list[bytes]:
        """The messages in a folder of `user` once there are at least `count`; `TimeoutError` after ten seconds."""
        return self._maildir(user, folder).wait_for(count)

    def _maildir(self, user: str, folder: str) -> Maildir:
        return Maildir(self.mail_root / user / "Maildir", folder, self.owner)


@contextmanager
def serve_dovecot(
    pki: Pki,
    *,
    certificate: Path | None = None,
    token_keys: Path | None = None,
    tls10_only: bool = False,
    extra: str = "",
) -> Iterator[Dovecot]:
    """A Dovecot that serves until the block ends.

    `certificate` is a file of the `pki`, by default the good one. With `token_keys`, the key folder of a token
    issuer, it offers XOAUTH2 and OAUTHBEARER. `tls10_only` refuses every later version. `extra` is configuration
    text added at the end.
    """
    program = need("dovecot", PACKAGES)
    with private_folder("dovecot") as folder:
        server = Dovecot(folder)
        settings = dovecot_config.Settings(
            folder=folder,
            user=server.owner.pw_name,
            group=grp.getgrgid(server.owner.pw_gid).gr_name,
            certificate=certificate or pki.good,
            ports=server.ports,
            token_keys=token_keys,
            tls10_only=tls10_only,
            extra=extra,
        )
        command: list[str | Path] = [program, "-F", "-c", dovecot_config.write(settings)]
        share(folder)
        # Asked politely it takes one to six seconds to end, and there is nothing worth saving.
        with foreground(command, ports=[*server.ports.values()], log=folder / "dovecot.log", patience=0):
            yield server


def _owner() -> pwd.struct_passwd:
    """Who owns the mail: ourselves, or for root, whom Dovecot refuses, the user `mail` of every Debian system."""
    return pwd.getpwuid(os.geteuid()) if os.geteuid() else pwd.getpwnam("mail")
