"""Messages per second over one connection to smtp-sink: our pipelined sender beside plain aiosmtplib, in one run.

    python benchmarks/smtp_throughput.py [messages]

Messages of 4 KB, already rendered on both sides. The rounds alternate, so that a busy machine slows both; medians are
compared. On loopback the interpreter is the limit; with 20 ms of latency it is round trips, of which aiosmtplib takes four
for a message and we take one. Exits with 1 where we are not at least 1.3 and 3 times as fast.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiosmtplib

sys.path.insert(0, str(Path(__file__).parents[1]))

from mailport.account import Account, validate
from mailport.fields import Direction
from mailport.message import Message
from mailport.services import Services
from mailport_smtp.fields import PROTOCOLS
from mailport_smtp.sender import SmtpSender
from tests.peers.proxy import Proxy
from tests.peers.smtpsink import serve_smtp_sink

ROUNDS = 5
LATENCY = 0.01  # each way
SENDER, RECIPIENT = "ann@example.test", "bob@example.test"
RAW = (
    f"From: {SENDER}\r\nTo: {RECIPIENT}\r\nSubject: Hello\r\nMessage-ID: <1@example.test>\r\n\r\n".encode()
    + b"A line of text.\r\n" * 240
)
MESSAGE = Message.read(RAW)

Send = Callable[[int, int], Coroutine[Any, Any, None]]


def account(port: int) -> Account:
    values = {"host": "127.0.0.1", "port": port, "user_name": SENDER, "use_ssl_tls": "none", "authentication": "none"}
    return validate(PROTOCOLS[0], Direction.OUTGOING, values)


async def by_mailport(port: int, count: int) -> None:
    async with SmtpSender(account(port), Services()) as sender:
        await asyncio.gather(*(sender.send(MESSAGE) for _ in range(count)))


async def by_aiosmtplib(port: int, count: int) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, local_hostname="localhost") as client:
        for _ in range(count):
            await client.sendmail(SENDER, [RECIPIENT], RAW)


def rate(send: Send, port: int, count: int) -> float:
    started = time.perf_counter()
    asyncio.run(send(port, count))
    return count / (time.perf_counter() - started)


def compare(name: str, port: int, count: int) -> float:
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(rate(by_mailport, port, count))
        theirs.append(rate(by_aiosmtplib, port, count))
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(
        f"{name}: mailport {statistics.median(ours):,.0f}/s, aiosmtplib {statistics.median(theirs):,.0f}/s, ratio {ratio:.1f}"
    )
    return ratio


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with serve_smtp_sink(dump=False) as sink, Proxy(sink.port, latency=LATENCY) as proxy:
        on_loopback = compare("loopback", sink.port, count)
        with_latency = compare("20 ms", proxy.port, max(10, count // 40))
    return 0 if on_loopback >= 1.3 and with_latency >= 3 else 1


if __name__ == "__main__":
    sys.exit(main())
