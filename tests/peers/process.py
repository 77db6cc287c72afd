"""Servers that run as foreground processes: what they need, how they start, how they stop."""

import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import pytest

from tests.peers.ports import wait_for_port

_PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"


def need(program: str, package: str, *, folder: str = "") -> str:
    """The path of `program`, looked for in `folder` first; without it the test is skipped, or fails when `CI` is set."""
    found = shutil.which(program, path=f"{folder}:{os.environ.get('PATH', '')}:{_SYSTEM_PATH}")
    if found is None:
        lack(f"{program} is not here: install the Debian package {package}")
    return found


def need_root(program: str) -> None:
    """Skip the test for an ordinary user, or fail when `CI` is set."""
    if os.geteuid() != 0:
        lack(f"{program} can only be started by root")


def lack(reason: str) -> NoReturn:
    """Skip with `reason` on a developer's machine, fail with it in CI, where every peer must be there."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def private_folder(name: str) -> Iterator[Path]:
    """A new folder that a server's own user can enter (pytest's `tmp_path` is closed to everybody but us)."""
    folder = Path(tempfile.mkdtemp(prefix=f"mailport-{name}-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def share(folder: Path) -> None:
    """Let every user read what is below `folder`, whatever our umask is."""
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))


@contextmanager
def foreground(
    command: Sequence[str | Path], *, ports: Sequence[int], log: Path, patience: float = 5.0
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends; enter the block when every one of `ports` accepts connections.

    `patience` is how many seconds the process may take to end by itself.
    """
    _adopt_orphans()
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    try:
        _wait(process, ports, log)
        yield process
    finally:
        stop(process, patience)


def stop(process: subprocess.Popen[bytes], patience: float) -> None:
    """Terminate `process`, wait for `patience` seconds, then kill what is left of it and of what it started."""
    if patience:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    _reap(process.pid)


def _adopt_orphans() -> None:
    """Become the parent of what a killed server leaves behind: init does not reap in every container."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap(group: int) -> None:
    """Wait for every orphan of a process group."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-group, 0)


def _wait(process: subprocess.Popen[bytes], ports: Sequence[int], log: Path) -> None:
    try:
        for port in ports:
            wait_for_port(port, process)
    except (ChildProcessError, TimeoutError) as error:
        error.add_note(f"command: {process.args!r}\nlog:\n{log.read_text(errors='replace')}")
        raise


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one of several test processes at a time install something below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
