"""How a process learns that it is to end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["on_signal"]


@contextmanager
def on_signal(act: Callable[[], object]) -> Iterator[None]:
    """Call ``act`` in this loop when the process is asked to end (SIGTERM, SIGINT); what was set before is set again."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(act))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
