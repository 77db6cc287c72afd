"""The mail server of the demonstration: what is sent to it on loopback lies in the Maildir that the sample inbox reads."""

from __future__ import annotations

import asyncio
import mailbox
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

__all__ = ["listening"]

Arrived = Callable[[], Awaitable[None]]


class _Handler:
    def __init__(self, folder: Path, arrived: Arrived) -> None:
        self._folder = folder
        self._arrived = arrived

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        await asyncio.to_thread(self._keep, envelope.content)
        await self._arrived()
        return "250 It is in the mailbox"

    def _keep(self, content: bytes) -> None:
        mailbox.Maildir(self._folder).add(content)


@asynccontextmanager
async def listening(place: socket.socket, folder: Path, arrived: Arrived) -> AsyncIterator[None]:
    """Take mail at ``place`` within the block, and call ``arrived`` after each that lies in ``folder``."""
    handler = _Handler(folder, arrived)
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(handler, hostname="localhost"), sock=place)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
