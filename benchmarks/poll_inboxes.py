"""What polling costs: the share of one core for 1,000 inboxes at 60 s, memory for each, and how both grow.

    python -m benchmarks.poll_inboxes [--seconds 60] [--counts 100,1000,10000]

One worker on a SQLite file polls empty mailboxes of the memory transport: what is measured is the service (claim, plan, cursor,
outcome), not a server. CPU time is that of the whole process, the mail system in memory included; beside the share of a core
stands the time for one poll. Memory is what the process grew by while it polled all of them, divided by their number; making
them, which a worker never does, is over by then.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import random
import secrets
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from mailport import Mailport
from mailport.testing.memory.plugin import MemoryPlugin
from mailport.testing.memory.server import MemoryMail
from mailport_workspace.database import migrate
from mailport_workspace.intake.poll import Poller
from mailport_workspace.intake.queue import Intake
from mailport_workspace.intake.verdict import Received, Settle
from mailport_workspace.sealing import KeyRing, new_key
from mailport_workspace.store import Store
from mailport_workspace.tables import now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.tenants.inboxes import Inboxes

INTERVAL = 60.0
_OF_ONE_TENANT = 100


class Nobody:
    """Processing that never gets anything: the mailboxes are empty."""

    async def process(self, received: Received, _settle: Settle) -> None:
        raise AssertionError(f"a mailbox was not empty: {received.journal_id}")

    async def failed(self, received: Received, error: Exception, _settle: Settle) -> None:
        raise AssertionError(f"a mailbox was not empty: {received.journal_id}") from error


async def make_inboxes(store: Store, inboxes: Inboxes, system: MemoryMail, numbers: range) -> None:
    """Make enabled inboxes, a hundred for each tenant, due at moments spread over the interval."""
    for first in range(numbers.start, numbers.stop, _OF_ONE_TENANT):
        actor = Actor.operator(await found_tenant(store, f"Tenant {first}"))
        async with store.write(actor.tenant) as rows:
            for number in range(first, min(first + _OF_ONE_TENANT, numbers.stop)):
                address = f"desk{number}@example.test"
                password = system.passwords[address] = secrets.token_urlsafe(12)
                form = {"name": address, "enabled": True, "address": address, "protocol": "memory", "user_name": address}
                made = await inboxes.create_in(rows, actor, {**form, "password": password})
                due_at = now() + timedelta(seconds=random.uniform(0, INTERVAL))
                (await rows.inbox(made)).next_poll_at = due_at


async def poll_for(store: Store, poller: Poller, seconds: float) -> None:
    """Look once a second for what is due, as a worker does."""
    until = time.monotonic() + seconds
    running: dict[str, asyncio.Task[None]] = {}
    while time.monotonic() < until:
        async with store.survey() as rows:
            due = await rows.due_shards(now())
        for shard in set(due) - {key for key, task in running.items() if not task.done()}:
            running[shard] = asyncio.create_task(poller.poll_shard(shard))
        await asyncio.sleep(1)
    await asyncio.gather(*running.values())


def resident() -> int:
    """Return the bytes that this process has in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def measure(count: int, seconds: float) -> str:
    """Poll so many inboxes for a while; return a line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/poll.db"
        await migrate(url)
        system, store, ring = MemoryMail(), Store(url), KeyRing.parse(new_key("one"))
        mailport = Mailport(plugins=[MemoryPlugin(system)])
        poller = Poller(store, mailport, ring, Intake(store, mailport, Nobody()))
        inboxes = Inboxes(store, mailport, ring)
        await make_inboxes(store, inboxes, system, range(count))
        await poll_for(store, poller, 2)
        before = resident()
        cpu, wall = time.process_time(), time.monotonic()
        await poll_for(store, poller, seconds)
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        polls = len(system.connections)
        system.connections.clear()
        grown = (resident() - before) / count
        await mailport.close()
        await store.close()
    share, each = 100 * cpu / wall, 1000 * cpu / max(polls, 1)
    return f"| {count:>7,} | {polls / wall:>7.1f} | {share:>5.1f} % | {each:>6.2f} | {grown:>8,.0f} |"


async def main(counts: list[int], seconds: float) -> None:
    """Print the table."""
    print(f"Interval {INTERVAL:.0f} s, measured for {seconds:.0f} s each.\n")
    print("| inboxes | polls/s | a core | ms/poll | bytes/inbox |\n| ---: | ---: | ---: | ---: | ---: |")
    for count in counts:
        print(await measure(count, seconds), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--counts", default="100,1000,3000,10000")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    asyncio.run(main([int(count) for count in given.counts.split(",")], given.seconds))
