"""Ports for servers that cannot bind port 0 themselves."""

import random
import socket
import subprocess
import time

HOST = "127.0.0.1"

# Below the ephemeral range, so that no client connection takes the port between our look and the server's bind.
_LOWEST, _HIGHEST = 12_000, 32_000
_handed_out: set[int] = set()
_choice = random.SystemRandom()


def free_port() -> int:
    """A loopback port that nothing listens on and that this process has not handed out before."""
    while True:
        port = _choice.randrange(_LOWEST, _HIGHEST)
        if port not in _handed_out and _can_bind(port):
            _handed_out.add(port)
            return port


def wait_for_port(port: int, process: subprocess.Popen[bytes], deadline: float = 10.0) -> None:
    """Return when `port` accepts connections; raise when `process` ends or `deadline` seconds have passed."""
    give_up = time.monotonic() + deadline
    while not _accepts(port):
        if process.poll() is not None:
            raise ChildProcessError(f"ended with status {process.returncode} before it listened on port {port}")
        if time.monotonic() > give_up:
            raise TimeoutError(f"nothing listens on port {port} after {deadline} s")
        time.sleep(0.005)


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
