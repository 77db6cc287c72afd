"""A message as SMTP wants it, pure functions: its envelope as commands, its bytes with CRLF line ends and doubled dots."""

from __future__ import annotations

from collections.abc import Iterable

from mailport.address import Address
from mailport.errors import ConfigurationError

__all__ = ["END", "NULL_PATH", "Normaliser", "mail_command", "path", "rcpt_command"]

NULL_PATH = b"<>"
"""The return path of mail that nobody shall answer (RFC 5321 section 4.5.5)."""
END = b".\r\n"
"""What ends a message's content (RFC 5321 section 4.1.1.4); it stands on a line of its own."""


def path(mailbox: str, *, field: str) -> bytes:
    """Return a mailbox in angle brackets, its domain as A-labels.

    Raises ``ConfigurationError`` for anything that is not one mailbox: no byte of it reaches a command (SEC-05).
    """
    try:
        return f"<{Address(mailbox).ascii_mailbox}>".encode()
    except ConfigurationError as error:
        error.field = error.field or field
        raise


def mail_command(sender: bytes, parameters: Iterable[str]) -> bytes:
    """Return MAIL with a path and its parameters."""
    return b" ".join([b"MAIL FROM:" + sender, *(parameter.encode() for parameter in parameters)]) + b"\r\n"


def rcpt_command(recipient: bytes) -> bytes:
    """Return RCPT with a path."""
    return b"RCPT TO:" + recipient + b"\r\n"


class Normaliser:
    """Turns the pieces of a message into what follows DATA, whatever the borders between the pieces.

    Lone CR and LF become CRLF, a dot at the start of a line is doubled. ``size`` counts as SIZE does (RFC 1870): without
    the doubled dots. ``is_ascii`` says whether no byte had its eighth bit set.
    """

    def __init__(self) -> None:
        self.size = 0
        self.is_ascii = True
        self._held = b""  # a CR whose LF may come with the next piece
        self._at_start = True  # of a line

    def feed(self, piece: bytes) -> bytes:
        """Return the next piece, normalised."""
        piece = self._held + piece
        self._held = b"\r" if piece.endswith(b"\r") else b""
        return self._dotted(_crlf(piece[: len(piece) - len(self._held)]))

    def finish(self) -> bytes:
        """Return what is left to write: the end of the last line, if it lacks one, and ``END``."""
        rest = b"\r\n" if self._held or not self._at_start else b""
        self._held = b""
        return self._dotted(rest) + END

    def _dotted(self, lines: bytes) -> bytes:
        if not lines:
            return lines
        self.size += len(lines)
        self.is_ascii = self.is_ascii and lines.isascii()
        doubled = lines.replace(b"\r\n.", b"\r\n..")
        if self._at_start and doubled.startswith(b"."):
            doubled = b"." + doubled
        self._at_start = lines.endswith(b"\r\n")
        return doubled


def _crlf(piece: bytes) -> bytes:
    """Return ``piece`` with CRLF line ends; three counts are much cheaper than rewriting what needs none."""
    ends = piece.count(b"\r\n")
    if piece.count(b"\n") == ends == piece.count(b"\r"):
        return piece
    return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
