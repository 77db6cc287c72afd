"""A message on its way by POP3, read block by block.

Until its last line has come, the server cannot be asked anything else. So who wants to ask first has the rest put aside.
"""

from __future__ import annotations

import poplib
import re
from io import BufferedReader
from tempfile import SpooledTemporaryFile
from typing import IO

__all__ = ["Transfer"]

BATCH = 256 * 1024
"""Bytes that are handed on at a time."""
_BLOCK = 64 * 1024
_IN_MEMORY = 1024 * 1024
_UNKNOWN_SIZE = 64 * 1024 * 1024

# Lines end with LF, with or without CR: not every server repairs what it stored.
_END = re.compile(rb"\n\.\r?\n")
_UNDECIDED = re.compile(rb"\n(?:\.\r?)?\Z")  # the end, or a line that begins with a dot: the next block tells


class Transfer:
    """The lines after the answer to RETR, without the dots that the protocol adds."""

    def __init__(self, reader: BufferedReader, size: int | None) -> None:
        self.finished = False
        self._reader = reader
        self._kept = b"\n"  # the end of the line before, so that the first line is like any other
        self._begun = False
        self._aside: IO[bytes] | None = None
        # Putting aside is for our convenience: a server that sends without end must not fill the disk (SEC-07).
        self._most_aside = 2 * size + _IN_MEMORY if size is not None else _UNKNOWN_SIZE

    def read(self) -> bytes:
        """Return the next bytes of the message; nothing when it is over."""
        if self._aside is not None:
            return self._aside.read(BATCH)
        parts: list[bytes] = []
        size = 0
        while not self.finished and size < BATCH:
            parts.append(self._receive())
            size += len(parts[-1])
        return b"".join(parts)

    def put_aside(self) -> None:
        """Receive the rest, to be read later."""
        if not self.finished:
            self._aside = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - until close
            self._drain(self._aside)
            self._aside.seek(0)

    def finish(self) -> None:
        """Receive the rest, which nobody wants."""
        if not self.finished:
            self._drain(None)

    def close(self) -> None:
        """Drop what was put aside; needs no connection."""
        if self._aside is not None:
            self._aside.close()

    def _drain(self, aside: IO[bytes] | None) -> None:
        left = self._most_aside
        while not self.finished:
            part = self._receive()
            left -= len(part)
            if left < 0:
                raise poplib.error_proto("message without end")
            if aside is not None:
                aside.write(part)

    def _receive(self) -> bytes:
        block = self._reader.read1(_BLOCK)
        if not block:
            raise poplib.error_proto("-ERR EOF")
        data = self._kept + block
        end = _END.search(data)
        if end is not None:
            return self._finish(data, end)
        undecided = _UNDECIDED.search(data)
        cut = undecided.start() if undecided else len(data)
        self._kept = data[cut:]
        return self._unstuffed(data[:cut])

    def _finish(self, data: bytes, end: re.Match[bytes]) -> bytes:
        if end.end() != len(data):  # nothing was asked, so nothing may follow: that was no end
            raise poplib.error_proto("more than one answer")
        self.finished = True
        return self._unstuffed(data[: end.start() + 1])

    def _unstuffed(self, data: bytes) -> bytes:
        plain = data.replace(b"\n..", b"\n.")
        if plain and not self._begun:
            self._begun = True
            return plain[1:]
        return plain
