"""IMAPClient on a connection that we made, with bounds on what a server may make it read."""

from __future__ import annotations

import imaplib
import re
import socket
from collections.abc import Sequence
from typing import Any

from imapclient import IMAPClient, SocketTimeout

from mailport.errors import ConfigurationError

__all__ = ["Client"]

LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes that the answer to one command may have; the largest we ask for is a list of some ten thousand folders."""


_LINE_BREAK = re.compile(r"[\r\n\0]")


class _Imap4(imaplib.IMAP4):
    """imaplib on a given connection.

    It allocates whatever a literal announces (CPython issue 119511) and keeps every untagged answer, so the answers to one
    command are counted and an endless one ends the session (SEC-07).
    """

    def __init__(self, connection: socket.socket, host: str, port: int) -> None:
        self._given = connection
        self._left = LARGEST_ANSWER
        super().__init__(host, port)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:  # noqa: ARG002 - it has one already
        return self._given

    def _new_tag(self) -> bytes:
        self._left = LARGEST_ANSWER
        tag: bytes = super()._new_tag()  # type: ignore[misc]
        return tag

    def read(self, size: int) -> bytes:
        """Read a literal."""
        self._spend(size)
        return super().read(size)

    def readline(self) -> bytes:
        """Read a line."""
        line = super().readline()
        if not line:
            self._check_bye()  # why it hung up is worth more than that it did
        self._spend(len(line))
        return line

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise self.abort(f"got more than {LARGEST_ANSWER} bytes in one answer")


class Client(IMAPClient):  # type: ignore[misc]  # IMAPClient has no types
    """IMAPClient on a given connection, which is closed when the greeting is no good."""

    def __init__(self, connection: socket.socket, host: str, port: int, timeout: float) -> None:
        self._given = connection
        super().__init__(host, port, ssl=False, timeout=SocketTimeout(connect=timeout, read=timeout))
        self._imap.debug = 0  # IMAPClient sets 5: every line is formatted for a log, SASL answers included
        self.normalise_times = False  # INTERNALDATE keeps its time zone

    def _create_IMAP4(self) -> _Imap4:  # noqa: N802 - the library's name
        return _Imap4(self._given, self.host, self.port)

    def _check_resp(self, expected: str, command: str, typ: str, data: Sequence[bytes]) -> None:
        """Raise what the server said, as UTF-8: IMAPClient strips what is not ASCII and logs a warning about it."""
        if typ != expected:
            raise IMAPClient.Error(f"{command} failed: {data[0].decode('utf-8', 'replace')}")

    @property
    def is_preauthenticated(self) -> bool:
        """Whether the server has signed us in without being asked."""
        return bool(self._imap.state != "NONAUTH")

    def authenticate(self, mechanism: str, respond: Any) -> None:
        """Run a SASL exchange; unlike ``sasl_login`` a lost connection stays recognisable as one."""
        self._imap.authenticate(mechanism, respond)

    def log_in(self, user: str, password: str) -> None:
        """Send LOGIN; unlike imaplib's own it quotes the user name too."""
        answer, data = self._imap._simple_command("LOGIN", _quoted(user), _quoted(password))
        self._checkok("login", answer, data)
        self._imap.state = "AUTH"

    def offered(self) -> frozenset[str]:
        """Return the capabilities as they are now."""
        if self._imap.state == "NONAUTH":
            return frozenset(self._imap.capabilities)  # imaplib asks after the greeting and after STARTTLS
        return frozenset(name.decode("ascii", "replace") for name in self.capabilities())

    def forget_capabilities(self) -> None:
        """Drop what the server said before: sign-in and TLS change it, and IMAPClient would keep the old list."""
        self._cached_capabilities = None
        self._imap.response("CAPABILITY")

    def pop(self, name: str) -> list[bytes]:
        """Return and drop the untagged answers of a kind; imaplib would pile them up."""
        found: list[bytes | None] = self._imap.response(name)[1]
        return [each for each in found if each is not None]


def _quoted(text: str) -> str:
    if _LINE_BREAK.search(text):  # it would be a command of its own (SEC-05)
        raise ConfigurationError("A value for the server contains a line break.", code="settings.line_break")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
