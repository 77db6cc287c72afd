"""One file of 150 MB through Graph: what the upload adds to the memory, and how long it holds up the event loop.

Exits with 1 where the upload adds more than 16 MB to the process, or the loop stands still for more than a quarter of a second.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a file

from benchmarks.graph_bulk import USER, Server, serving
from mailport.content import Attachment
from mailport.host import Mailport
from mailport.message import Message

SIZE = 150 * 1024 * 1024
MORE_MEMORY, STALL = 16.0, 0.25


def memory() -> float:
    """Return the most memory that this process ever used, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def longest_stall(work: asyncio.Task[object]) -> float:
    longest, before = 0.0, time.perf_counter()
    while not work.done():
        await asyncio.sleep(0.005)
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
    return longest


async def upload(server: Server) -> bool:
    content = os.urandom(1024 * 1024) * (SIZE // (1024 * 1024))
    file = Attachment(filename="big.bin", content=content)
    async with Mailport() as host:
        account = host.account(server.settings)
        await host.submit(Message.compose(sender=USER, to="ann@example.org", text="First.\n"), account)
        before, started = memory(), time.perf_counter()
        big = Message.compose(sender=USER, to="ann@example.org", text="See the file.\n", attachments=[file])
        sending = asyncio.ensure_future(host.submit(big, account))
        stall = await longest_stall(sending)
        took, more = time.perf_counter() - started, memory() - before
        assert sending.result().accepted
    print(f"150 MB: {took:.1f} s, {server.round_trips()} round trips, {more:+.1f} MB of memory, stall {stall * 1000:.0f} ms")
    return more <= MORE_MEMORY and stall <= STALL


if __name__ == "__main__":
    with serving() as server:
        good = asyncio.run(upload(server))
    sys.exit(0 if good else 1)
