"""Worker processes that are killed: `python worker_process.py [POINT COUNT]`, with the settings in the environment.

Such a process is what `mailport-workspace worker` is, with short leases; it kills itself when it reaches POINT for the COUNT-th
time, right there, without a chance to tidy up.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from mailport_workspace.intake.poll import Poller
from mailport_workspace.intake.queue import Intake
from mailport_workspace.outbox.outbox import Outbox
from mailport_workspace.serving import run
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.worker import Worker
from mailport_workspace.workspace import Workspace

POINTS = ("claimed", "sending-committed", "answered", "result-committed", "staged", "processed", "acknowledged")
"""The places on the ways of outgoing and incoming mail that are told."""
LEASE_SECONDS = 3.0
_READY = "MAILPORT_TEST_READY"


class Workers:
    """Several workers of one deployment, some of which die."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._environment = {**os.environ, **environment, _READY: str(log)}
        self._log = log
        self._processes: list[subprocess.Popen[bytes]] = []
        self.kills = 0

    def start(self, *crash: str) -> subprocess.Popen[bytes]:
        """Start one more; with a point and a count it kills itself there."""
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, __file__, *crash],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def wait_for_crash(self, process: subprocess.Popen[bytes], patience: float = 60.0) -> None:
        """Wait until a worker has killed itself."""
        process.wait(patience)
        if process.returncode != -signal.SIGKILL:
            raise AssertionError(f"it ended with {process.returncode}:\n{self._log.read_text()[-4000:]}")
        self.kills += 1
        self._processes.remove(process)

    def kill_one(self, after: float) -> None:
        """Kill any worker, so many seconds after it began to work; one may have killed itself by then."""
        process = random.choice(self._processes)
        give_up = time.monotonic() + 60
        while process.poll() is None and not _ready(self._log, process.pid).exists() and time.monotonic() < give_up:
            time.sleep(0.02)
        time.sleep(after)
        process.kill()
        process.wait()
        self._processes.remove(process)
        self.kills += 1

    def stop(self, patience: float = 60.0) -> list[int]:
        """Ask all workers to end, and wait; what they returned."""
        for process in self._processes:
            process.terminate()
        returned = [process.wait(patience) for process in self._processes]
        self._processes.clear()
        return returned

    def end(self) -> None:
        """Leave nobody behind."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()
        self._processes.clear()

    @property
    def alive(self) -> int:
        """How many run."""
        return sum(process.poll() is None for process in self._processes)


def _ready(log: Path, pid: int) -> Path:
    """The file by which a process says that it begins to work."""
    return log.with_name(f"{log.name}.{pid}")


class _Doomed(Workspace):
    """A workspace whose process dies at a point."""

    def __init__(self, settings: WorkspaceSettings, point: str, count: int) -> None:
        super().__init__(settings)
        seen: Counter[str] = Counter()

        def reached(place: str) -> None:
            seen[place] += 1
            if place == point and seen[place] == count:
                os.kill(os.getpid(), signal.SIGKILL)

        self.outbox = Outbox(self.store, self.configurations, self.mailport, self.ring, self.engine, reached=reached)
        self.intake = Intake(self.store, self.mailport, self.processing, reached=reached, lease_seconds=LEASE_SECONDS)
        self.poller = Poller(self.store, self.mailport, self.ring, self.intake, reached=reached, lease_seconds=LEASE_SECONDS)


async def _work(point: str, count: int) -> None:
    async with _Doomed(WorkspaceSettings(), point, count) as workspace:
        _ready(Path(os.environ[_READY]), os.getpid()).touch()
        await run(worker=Worker(workspace, tick=0.2))


if __name__ == "__main__":
    random.seed(time.time_ns())
    asyncio.run(_work(*(sys.argv[1], int(sys.argv[2])) if len(sys.argv) > 2 else ("", 0)))
