"""A worker process that drains one tenant and kills itself at a stage: `dying_worker.py TENANT STAGE COUNT`."""

import asyncio
import os
import signal
import sys

from mailport_workspace.outbox.outbox import Outbox
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.workspace import Workspace


def killer(stage, count):
    """Return what kills this process when `stage` is reached for the `count`-th time."""
    reached = []

    def told(name):
        reached.append(name)
        if reached.count(stage) == count:
            os.kill(os.getpid(), signal.SIGKILL)

    return told


async def main(tenant, stage, count):
    async with Workspace(WorkspaceSettings()) as workspace:
        tools = (workspace.store, workspace.configurations, workspace.mailport, workspace.ring, workspace.engine)
        await Outbox(*tools, reached=killer(stage, count)).drain(tenant)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
