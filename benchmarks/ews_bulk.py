"""200 mails through one Exchange mailbox: all submitted at once, beside one after another, with 20 ms of added latency.

    python benchmarks/ews_bulk.py

Server and proxy run in a process of their own, so that they do not compete with the client for its interpreter. Exits with 1
where submitting at once takes more than a fifth of the sequential round trips, or a mail has no receipt of its own.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

sys.path.insert(0, str(Path(__file__).parents[1]))

from mailport.account import Account
from mailport.host import Mailport
from mailport.message import Message

MAILS = 200
LATENCY = 0.02
LIMIT = 1 / 5
USER, PASSWORD = "sender@example.org", "kestrel-amber-42"


def serve(folder: Path) -> None:
    """Serve until standard input ends: first the settings of an account, then the round trips since the last line."""
    from tests.peers.fake_ews.server import FakeEws  # noqa: PLC0415
    from tests.peers.pki import make_pki  # noqa: PLC0415
    from tests.peers.proxy import Proxy  # noqa: PLC0415

    pki = make_pki(folder)
    with FakeEws(pki.server_context(), folder) as ews, Proxy(ews.port, latency=LATENCY / 2) as proxy:
        ews.add_mailbox(USER, PASSWORD)
        settings = {
            "protocol": "ews",
            "authentication": "plain",
            "host": f"https://127.0.0.1:{proxy.port}/EWS/Exchange.asmx",
            "user_name": USER,
            "password": PASSWORD,
            "ca_certificates": pki.ca_pem,
        }
        print(json.dumps(settings), flush=True)
        for _ in sys.stdin:
            assert not ews.violations, ews.violations[:3]
            print(ews.answered, flush=True)
            ews.answered = 0


class Server:
    """The server's process, and what it counted."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._in: IO[str] = process.stdin  # type: ignore[assignment]
        self._out: IO[str] = process.stdout  # type: ignore[assignment]
        self.settings = json.loads(self._out.readline())

    def round_trips(self) -> int:
        """Return how many requests came since the last call."""
        self._in.write("\n")
        self._in.flush()
        return int(self._out.readline())


def mails(kind: str) -> list[Message]:
    return [
        Message.compose(sender=USER, to=f"{kind}{n}@example.org", subject=f"No. {n}", text="Good morning.\n" * 200)
        for n in range(MAILS)
    ]


async def one_by_one(account: Account) -> float:
    async with Mailport() as host:
        started = time.perf_counter()
        for message in mails("one"):
            await host.submit(message, account)
        return time.perf_counter() - started


async def at_once(account: Account) -> float:
    messages = mails("many")
    async with Mailport() as host:
        started = time.perf_counter()
        receipts = await asyncio.gather(*(host.submit(message, account) for message in messages))
        took = time.perf_counter() - started
    assert [receipt.message_id for receipt in receipts] == [message.message_id for message in messages]
    assert all(receipt.accepted for receipt in receipts)
    return took


async def compare(server: Server) -> bool:
    async with Mailport() as host:
        account = host.account(server.settings)
    slow, before = await one_by_one(account), server.round_trips()
    fast, after = await at_once(account), server.round_trips()
    print(f"submit {MAILS} one by one  {before:4} round trips  {slow:6.2f} s")
    print(f"submit {MAILS} at once     {after:4} round trips  {fast:6.2f} s   {after / before:.3f} of the trips")
    return after <= before * LIMIT


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            held = asyncio.run(compare(Server(process)))
            process.communicate()
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main()) if len(sys.argv) == 1 else serve(Path(sys.argv[1]))
