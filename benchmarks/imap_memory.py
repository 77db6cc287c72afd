"""Receiving a large message: how much memory it takes, and how long it holds the event loop up.

    python benchmarks/imap_memory.py [megabytes]

A Dovecot of its own holds one message of 50 MB; a fresh process per protocol reads it as a stream, writes it to a file and
compares it. Peak memory is that of the process while reading, above what it had when it was connected (what the start has
freed is used again, so a figure may be 0); a stall is the time by which a timer of 5 ms comes late. The bare poplib and
imaplib, which hold a message as a whole, stand beside it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import poplib
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from imaplib import IMAP4_SSL
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a file

from mailport.account import validate
from mailport.fields import Direction
from mailport.services import Services
from mailport_smtp.fields import PROTOCOLS
from mailport_smtp.receiver import make_receiver
from tests.peers.dovecot import serve_dovecot
from tests.peers.pki import make_pki

USER, PASSWORD = "ann@example.test", "kestrel-amber-42"
LIMIT = 16.0
"""Megabytes that a message of 50 MB may take (the promise of the design)."""
MB = 1024 * 1024


def memory(kind: str) -> float:
    """Memory of this process in MB: `VmRSS` is now, `VmHWM` the largest since `forget_peak`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1024


def forget_peak() -> float:
    """Begin to measure the peak anew; the memory at present, in MB."""
    with suppress(OSError):  # then the peak is that of the whole process, which only makes the figure worse
        Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


async def watch(stalls: list[float]) -> None:
    """Note by how much a timer of 5 ms comes late."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.005)
        stalls.append(time.perf_counter() - before - 0.005)


async def stream(protocol: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Read the message as mailport does, to a file."""
    fields = next(each for each in PROTOCOLS if each.key == protocol)
    account = validate(fields, Direction.INCOMING, settings)
    stalls: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "message.eml"
        async with make_receiver(account, Services()) as receiver, receiver.fetch(None) as deliveries:
            [delivery] = [delivery async for delivery in deliveries]
            watching = asyncio.ensure_future(watch(stalls))
            before, started = forget_peak(), time.perf_counter()
            await delivery.save(path)
            seconds, growth = time.perf_counter() - started, memory("VmHWM") - before
            watching.cancel()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"growth": growth, "seconds": seconds, "stall": max(stalls), "digest": digest}


def with_imaplib(settings: dict[str, Any]) -> dict[str, Any]:
    """Read the message as the standard library offers to."""
    context = ssl.create_default_context(cadata=settings["ca_certificates"])
    client = IMAP4_SSL("localhost", settings["port"], ssl_context=context)
    client.login(USER, PASSWORD)
    client.select()

    def read() -> bytes:
        data: Any = client.fetch("1", "(BODY.PEEK[])")[1][0]
        return bytes(data[1])

    return measured(read, client.logout)


def with_poplib(settings: dict[str, Any]) -> dict[str, Any]:
    """Read the message as the standard library offers to."""
    context = ssl.create_default_context(cadata=settings["ca_certificates"])
    client = poplib.POP3_SSL("localhost", settings["port"], context=context)
    client.user(USER)
    client.pass_(PASSWORD)
    return measured(lambda: b"\r\n".join(client.retr(1)[1]) + b"\r\n", client.quit)


def measured(read: Callable[[], bytes], leave: Callable[[], object]) -> dict[str, Any]:
    """Time and memory of a blocking read."""
    before, started = forget_peak(), time.perf_counter()
    message = read()
    seconds, growth = time.perf_counter() - started, memory("VmHWM") - before
    leave()
    return {"growth": growth, "seconds": seconds, "stall": None, "digest": hashlib.sha256(message).hexdigest()}


def child(way: str) -> None:
    """Measure one way, in a process of its own."""
    settings = json.load(sys.stdin)
    blocking = {"imaplib": with_imaplib, "poplib": with_poplib}
    result = blocking[way](settings) if way in blocking else asyncio.run(stream(way, settings))
    print(json.dumps(result))


def run(way: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Measure one way in a fresh process."""
    command = [sys.executable, __file__, "--child", way]
    done = subprocess.run(command, input=json.dumps(settings), capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def message(megabytes: int) -> bytes:
    """Return a message of about that size, of base64 lines as a large attachment has them."""
    line = b"TWFpbHBvcnQgcmVhZHMgdGhpcyBtZXNzYWdlIGJ5IHBpZWNlcyBhbmQgd3JpdGVzIGl0IG91\r\n"
    return b"Subject: Large\r\nFrom: bob@example.test\r\n\r\n" + line * (megabytes * MB // len(line))


def main(megabytes: int = 50) -> int:
    """Measure every way and print the figures; 1 if the promise is broken."""
    raw = message(megabytes)
    with tempfile.TemporaryDirectory() as folder:
        pki = make_pki(Path(folder))
        with serve_dovecot(pki) as server:
            server.add_user(USER, PASSWORD)
            server.deliver(USER, raw)
            settings = {
                "host": "localhost",
                "use_ssl_tls": "SSL",
                "user_name": USER,
                "password": PASSWORD,
                "email_component_type": "advanced",
                "ca_certificates": pki.ca_pem,
            }
            ports = {"imap": server.imaps, "imaplib": server.imaps, "pop3": server.pop3s, "poplib": server.pop3s}
            results = {way: run(way, settings | {"port": port}) for way, port in ports.items()}
    return report(len(raw), hashlib.sha256(raw).hexdigest(), results)


def report(size: int, digest: str, results: dict[str, dict[str, Any]]) -> int:
    """Print the figures."""
    print(f"One message of {size / MB:.0f} MB over TLS from Dovecot")
    print(f"{'':10}{'peak memory':>14}{'time':>10}{'worst stall':>14}")
    for way, result in results.items():
        stall = "(blocks)" if result["stall"] is None else f"{result['stall'] * 1000:.0f} ms"
        print(f"{way:10}{'+' + format(result['growth'], '.1f') + ' MB':>14}{result['seconds']:>8.2f} s{stall:>14}")
    whole = all(result["digest"] == digest for result in results.values())
    kept = all(results[way]["growth"] <= LIMIT for way in ("imap", "pop3"))
    print(f"every byte the same: {'yes' if whole else 'NO'}; at most {LIMIT:.0f} MB: {'yes' if kept else 'NO'}")
    return 0 if whole and kept else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2])
    else:
        sys.exit(main(*map(int, sys.argv[1:])))
