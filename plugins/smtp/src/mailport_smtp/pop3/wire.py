"""poplib on a connection that we made, with bounds of its own."""

from __future__ import annotations

import poplib
import re
import socket
import ssl
from collections.abc import Mapping
from io import BufferedReader
from typing import cast

from mailport.errors import ConfigurationError

__all__ = ["Client", "is_refusal"]

LARGEST_ANSWER = 32 * 1024 * 1024
"""Bytes that a listing may have: about a million messages (SEC-07)."""
LONGEST_LINE = 1024 * 1024
"""poplib refuses lines above 2,048 bytes, which real mails have, and is out of step with the server afterwards."""

_LINE_BREAK = re.compile(r"[\r\n\0]")


class Client(poplib.POP3):
    """poplib on a given connection, which is closed when the greeting is no good."""

    def __init__(self, connection: socket.socket, host: str, port: int) -> None:
        self._given = connection
        self._left = LARGEST_ANSWER
        try:
            super().__init__(host, port)
        except BaseException:
            self.close()
            raise

    def _create_socket(self, timeout: float) -> socket.socket:  # noqa: ARG002 - it has one already
        return self._given

    def _putcmd(self, line: str) -> None:
        if _LINE_BREAK.search(line):  # it would be a command of its own (SEC-05)
            raise ConfigurationError("A value for the server contains a line break.", code="settings.line_break")
        self._left = LARGEST_ANSWER
        super()._putcmd(line)  # type: ignore[misc]

    def _getline(self) -> tuple[bytes, int]:
        line: bytes = self.file.readline(LONGEST_LINE + 1)
        self._left -= len(line)
        if len(line) > LONGEST_LINE or self._left < 0:
            raise poplib.error_proto("answer too long")
        if not line:
            raise poplib.error_proto("-ERR EOF")
        return line.rstrip(b"\r\n"), len(line)

    def command(self, line: str) -> bytes:
        """Send a command with an answer of one line; return the answer."""
        answer: bytes = self._shortcmd(line)  # type: ignore[attr-defined]
        return answer

    def respond(self, line: bytes) -> bytes:
        """Send what is no command (a SASL message); return the answer."""
        self._putline(line)  # type: ignore[attr-defined]
        answer: bytes = self._getresp()  # type: ignore[attr-defined]
        return answer

    def lines(self, command: str) -> list[bytes]:
        """Send a command with an answer of many lines; return them."""
        lines: list[bytes] = self._longcmd(command)[1]  # type: ignore[attr-defined]
        return lines

    def capabilities(self) -> Mapping[str, list[str]] | None:
        """Return what CAPA lists, None for a server that does not know it."""
        try:
            lines = self.lines("CAPA")
        except poplib.error_proto as error:
            if is_refusal(error):
                return None
            raise
        words = [line.decode("utf-8", "replace").upper().split() for line in lines]
        return {name: arguments for name, *arguments in filter(None, words)}

    @property
    def reader(self) -> BufferedReader:
        """The reader of the connection, for what is read block by block."""
        return cast("BufferedReader", self.file)

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Do STLS; what was received in clear before it is dropped with the old reader."""
        self.command("STLS")
        self.sock = context.wrap_socket(self.sock, server_hostname=self.host)
        self.file.close()
        self.file = self.sock.makefile("rb")


def is_refusal(error: poplib.error_proto) -> bool:
    """Whether the server said -ERR, and the connection is fine; poplib's own findings are no bytes."""
    words = error.args[0] if error.args else ""
    return isinstance(words, bytes) and words.startswith(b"-ERR")
