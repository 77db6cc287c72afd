"""What a test can make the server do: hold messages, stay silent, hang up, refuse."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["Faults", "Gate"]


@dataclass(slots=True)
class Faults:
    """What goes wrong, until it is switched off again.

    ``silent``: the server never answers. ``cut_before_handover`` and ``cut_after_handover``: the connection breaks just
    before, or just after, the last byte of a message. ``refuse``: every message is refused after it was read.
    ``throttle``: everything is put off, for that many seconds.
    """

    silent: bool = False
    cut_before_handover: bool = False
    cut_after_handover: bool = False
    refuse: bool = False
    throttle: float | None = None


class Gate:
    """Something that is passed freely until a test holds it."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold everybody who comes to the gate until the block ends."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    async def passed(self) -> None:
        """Wait until the gate is open."""
        await self._open.wait()
