"""Worker processes that are killed. Such a process is what `mailport-workspace worker` is, with short leases.

Hundreds of them die within minutes, so that none may spend its life with imports: this module, run as a program, imports
everything once and forks a worker for each line ``POINT COUNT`` that comes in. A worker kills itself when it reaches POINT
for the COUNT-th time, right there, without a chance to tidy up; it never does with the point ``never``.
"""

import asyncio
import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType

from mailport_workspace.deployment.serving import run
from mailport_workspace.deployment.worker import Worker
from mailport_workspace.intake.poll import Poller
from mailport_workspace.intake.queue import Intake
from mailport_workspace.outbox.outbox import Outbox
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.workspace import Workspace

LEASE_SECONDS = 3.0


class Process:
    """One worker; ``returncode`` is there when it has ended."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.works, self.ended = threading.Event(), threading.Event()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if not self.ended.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, patience: float) -> int:
        """Wait until it has ended; what it returned."""
        if not self.ended.wait(patience) or self.returncode is None:
            raise TimeoutError(f"worker {self.pid} does not end")
        return self.returncode


class Workers:
    """Several workers of one deployment, some of which die."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.kills = 0
        self._log = log
        self._born: queue.Queue[Process] = queue.Queue()
        self._processes: list[Process] = []
        self._nursery = subprocess.Popen(
            [sys.executable, __file__, str(log)],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        """Follow what the nursery tells of each worker."""
        assert self._nursery.stdout is not None
        known: dict[int, Process] = {}
        for line in self._nursery.stdout:
            event, pid, returncode = json.loads(line)
            if event == "born":
                known[pid] = Process(pid)
                self._born.put(known[pid])
            elif event == "works":
                known[pid].works.set()
            else:
                known[pid].returncode = returncode
                known[pid].ended.set()

    def start(self, point: str = "never", count: int = 1) -> Process:
        """Start one more; with a point and a count it kills itself there."""
        assert self._nursery.stdin is not None
        print(point, count, file=self._nursery.stdin, flush=True)
        process = self._born.get(timeout=60)
        self._processes.append(process)
        return process

    def wait_for_crash(self, process: Process, patience: float = 60.0) -> None:
        """Wait until a worker has killed itself."""
        if process.wait(patience) != -signal.SIGKILL:
            raise AssertionError(f"it ended with {process.returncode}:\n{self._log.read_text()[-4000:]}")
        self.kills += 1
        self._processes.remove(process)

    def kill_one(self, after: float) -> None:
        """Kill any worker, so many seconds after it began to work; one may have killed itself by then."""
        process = random.choice(self._processes)
        give_up = time.monotonic() + 60
        while not (process.works.wait(0.02) or process.ended.is_set()) and time.monotonic() < give_up:
            pass
        process.ended.wait(after)
        process.signal(signal.SIGKILL)
        self.wait_for_crash(process)

    def stop(self, patience: float = 60.0) -> list[int]:
        """Ask all workers to end, and wait; what they returned."""
        for process in self._processes:
            process.signal(signal.SIGTERM)
        returned = [process.wait(patience) for process in self._processes]
        self._processes.clear()
        return returned

    def end(self) -> None:
        """Leave nobody behind."""
        for process in self._processes:
            process.signal(signal.SIGKILL)
            process.wait(60)
        self._processes.clear()

    def close(self) -> None:
        """Leave nobody behind, and start nobody any more."""
        assert self._nursery.stdin is not None
        self._nursery.stdin.close()  # it kills its children, and itself
        try:
            self._nursery.wait(60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self._nursery.pid, signal.SIGKILL)
        self._listener.join(60)
        assert self._nursery.stdout is not None
        self._nursery.stdout.close()

    @property
    def alive(self) -> int:
        """How many run."""
        return sum(not process.ended.is_set() for process in self._processes)


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


def _nurse(log: Path) -> None:
    """Fork workers as long as somebody asks for them; then none is left behind."""
    Workspace(WorkspaceSettings())  # imports what a worker needs, plugins too, and connects to nothing
    signal.signal(signal.SIGCHLD, _reap)
    for line in sys.stdin:
        point, count = line.split()
        if os.fork() == 0:
            _live(log, point, int(count))
    os.killpg(0, signal.SIGKILL)


def _reap(_number: int, _frame: FrameType | None) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _tell(1, "ended", ended[0], os.waitstatus_to_exitcode(ended[1]))


def _tell(pipe: int, event: str, pid: int, returncode: int | None = None) -> None:
    os.write(pipe, f"{json.dumps([event, pid, returncode])}\n".encode())


def _live(log: Path, point: str, count: int) -> None:
    """Be a worker, until the process is asked to end or dies."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pipe, returncode = os.dup(1), 1
    with log.open("ab") as written, Path(os.devnull).open("rb") as nothing:
        for ours, standard in ((nothing, 0), (written, 1), (written, 2)):
            os.dup2(ours.fileno(), standard)
    try:
        _tell(pipe, "born", os.getpid())
        asyncio.run(_work(pipe, point, count))
        returncode = 0
    except Exception:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(returncode)


async def _work(pipe: int, point: str, count: int) -> None:
    async with _Doomed(WorkspaceSettings(), point, count) as workspace:
        _tell(pipe, "works", os.getpid())
        await run(worker=Worker(workspace, tick=0.2))


if __name__ == "__main__":
    _nurse(Path(sys.argv[1]))
