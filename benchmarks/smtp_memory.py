"""Sending a message of 25 MB: how much memory it takes, and how long it holds the event loop up.

    python benchmarks/smtp_memory.py [megabytes]

Each way has a process of its own: from a file, from bytes, and composed with an attachment; plain aiosmtplib, which takes a
message as a whole, stands beside them. Peak memory is that of the process while sending, above what it had before, as a
multiple of the message; a stall is the time by which a timer of 2 ms comes late. Exits with 1 where one of ours takes more
than 2.5 times the message, or holds the loop up for more than 50 ms.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aiosmtplib

sys.path.insert(0, str(Path(__file__).parents[1]))

from mailport.account import validate
from mailport.fields import Direction
from mailport.message import Attachment, Message
from mailport.services import Services
from mailport_smtp.fields import PROTOCOLS
from mailport_smtp.sender import SmtpSender
from tests.peers.smtpsink import serve_smtp_sink

MB = 1024 * 1024
MEMORY, STALL = 2.5, 50.0
SENDER, RECIPIENT = "ann@example.test", "bob@example.test"
WAYS = ("file", "bytes", "composed", "aiosmtplib")


def composed(size: int) -> Message:
    content = bytes(range(256)) * (size * 3 // 4 // 256)
    file = Attachment(filename="large.bin", content=content)
    return Message.compose(sender=SENDER, to=RECIPIENT, subject="Large", text="Hello\n", attachments=[file])


def resident() -> int:
    """Return the memory of this process in bytes, as Linux tells it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class Peak:
    """Looks at the memory from a thread, often."""

    def __init__(self) -> None:
        self.before = self.highest = resident()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.002):
            self.highest = max(self.highest, resident())


async def worst_stall(work: Awaitable[object]) -> float:
    """Do ``work``; return the longest delay of the loop meanwhile, in ms."""
    worst = 0.0

    async def tick() -> None:
        nonlocal worst
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.002)
            worst = max(worst, time.perf_counter() - started - 0.002)

    ticking = asyncio.create_task(tick())
    await work
    ticking.cancel()
    with suppress(asyncio.CancelledError):
        await ticking
    return worst * 1000


async def by_mailport(port: int, message: Message) -> tuple[int, float]:
    values = {"host": "127.0.0.1", "port": port, "user_name": SENDER, "use_ssl_tls": "none", "authentication": "none"}
    async with SmtpSender(validate(PROTOCOLS[0], Direction.OUTGOING, values), Services()) as sender:
        with Peak() as peak:
            stall = await worst_stall(sender.send(message))
    return peak.highest - peak.before, stall


async def by_aiosmtplib(port: int, data: bytes) -> tuple[int, float]:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, local_hostname="localhost") as client:
        with Peak() as peak:
            stall = await worst_stall(client.sendmail(SENDER, [RECIPIENT], data))
    return peak.highest - peak.before, stall


def measure(way: str, port: int, path: Path) -> None:
    """Send once, and tell what it took; runs in a process of its own."""
    size = path.stat().st_size
    messages: dict[str, Callable[[], Message]] = {
        "file": lambda: Message.read(path).replace(envelope_to=(RECIPIENT,)),
        "bytes": lambda: Message.read(path.read_bytes()).replace(envelope_to=(RECIPIENT,)),
        "composed": lambda: composed(size),
    }
    sending = by_aiosmtplib(port, path.read_bytes()) if way == "aiosmtplib" else by_mailport(port, messages[way]())
    print(json.dumps(asyncio.run(sending)))


def main() -> int:
    size = int(sys.argv[1]) * MB if len(sys.argv) > 1 else 25 * MB
    failed = False
    with tempfile.TemporaryDirectory() as folder, serve_smtp_sink(dump=False) as sink:
        path = Path(folder, "large.eml")
        path.write_bytes(composed(size).to_bytes())
        for way in WAYS:
            command = [sys.executable, __file__, way, str(sink.port), str(path)]
            memory, stall = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
            multiple = memory / path.stat().st_size
            failed |= way != "aiosmtplib" and (multiple > MEMORY or stall > STALL)
            print(f"{way}: memory {multiple:.2f} times the message, longest stall {stall:.0f} ms")
    return int(failed)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        measure(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(main())
