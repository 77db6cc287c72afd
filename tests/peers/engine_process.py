"""A worker process of the distributed engine with one kind of job: `python engine_process.py URL LOG SECONDS`.

The job `note` writes a line to LOG when it begins, and one when it has ended after SECONDS.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy.engine import make_url

from mailport_workspace.engines.procrastinate import ProcrastinateEngine


class EngineProcess:
    """The running process, and what the jobs of all of them wrote."""

    def __init__(self, url: str, log: Path, seconds: float) -> None:
        self.log = log
        command = [sys.executable, __file__, url, str(log), str(seconds)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def lines(self, word: str, *, of: int | None = None) -> list[str]:
        """The lines that begin with a word, of one process or all."""
        text = self.log.read_text() if self.log.exists() else ""
        return [line for line in text.splitlines() if line.startswith(word) and (of is None or line.endswith(f" {of}"))]

    def kill(self) -> None:
        """End at once, as a power failure does."""
        self.process.kill()
        self.process.wait(60)


async def _work(url: str, log: Path, seconds: float) -> None:
    engine = ProcrastinateEngine(make_url(url), timeout=2.0)

    def note(word: str, key: str) -> None:
        with log.open("a") as file:
            file.write(f"{word} {key} {os.getpid()}\n")

    async def job(key: str) -> None:
        note("begin", key)
        await asyncio.sleep(seconds)
        note("end", key)

    engine.job("note", job)
    await engine.run()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
