"""A worker in a process of its own that kills itself at a named place: `python -m tests.workspace.intake.dying_worker ...`."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from mailport import Mailport
from mailport_workspace.intake.poll import Poller
from mailport_workspace.intake.queue import Intake
from mailport_workspace.processing.process import Processing
from mailport_workspace.records.embedded import EmbeddedRecords
from mailport_workspace.sealing import KeyRing
from mailport_workspace.store import Store


async def work(application, operator, root, place, after):
    """Poll everything until `place` was reached `after` times, then die without a word; at the end say so."""
    store = Store(application, operator)
    mailport, ring = Mailport(local_root=Path(root)), KeyRing.parse(os.environ["DYING_KEYS"])
    left = [int(after)]

    def reached(name):
        left[0] -= name == place
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    processing = Processing(store, mailport, ring, EmbeddedRecords(store))
    intake = Intake(store, mailport, processing, reached=reached, lease_seconds=0.5)
    poller = Poller(store, mailport, ring, intake, reached=reached, lease_seconds=0.5)
    for shard in range(16):
        await poller.poll_shard(str(shard))
    async with store.survey() as rows:
        tenants = [tenant.id for tenant in await rows.tenants()]
    for tenant in tenants:
        await intake.work(tenant)
    await store.close()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
