"""An event loop in a thread of its own, so that blocking clients and asyncio clients can talk to one server."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs from entering to leaving the block; what is unfinished then is cancelled."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()  # raises where the loop still runs: something blocks it

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` over there and wait for its result here."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)  # lets the transports that were closed tell their protocols
