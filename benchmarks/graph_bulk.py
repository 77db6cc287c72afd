"""200 mails through one Graph mailbox, at once and one after another; then 200 read and marked. 20 ms of added latency.

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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mailport.account import Account
from mailport.host import Mailport
from mailport.message import Message
from mailport.transport import Action, ActionKind

MAILS = 200
LATENCY = 0.02
LIMIT = 1 / 5
CLIENT_ID, SECRET, USER = "4c1f0d5e-8a6b-4a52-9d0e-1f2a3b4c5d6e", "benchmark", "agent@example.test"


def serve(folder: Path) -> None:
    """Serve until standard input ends: first the settings of an account, then the round trips since the last line."""
    from tests.peers.fake_graph import FakeGraph  # noqa: PLC0415
    from tests.peers.pki import make_pki  # noqa: PLC0415
    from tests.peers.proxy import Proxy  # noqa: PLC0415
    from tests.peers.token_endpoint import TokenEndpoint  # noqa: PLC0415
    from tests.peers.token_grant import Client  # noqa: PLC0415
    from tests.peers.tokens import TokenIssuer  # noqa: PLC0415

    pki, issuer = make_pki(folder), TokenIssuer(folder / "keys")
    with (
        TokenEndpoint(issuer, pki.server_context()) as tokens,
        FakeGraph(issuer, pki.server_context(), judged=False) as fake,
        Proxy(fake.http.port, latency=LATENCY / 2) as proxy,
    ):
        tokens.clients[CLIENT_ID] = Client(USER, SECRET)
        fake.service = f"https://127.0.0.1:{proxy.port}"
        mailbox = fake.mailbox(USER)
        for n in range(MAILS):
            mail = Message.compose(sender="ann@example.org", to=USER, subject=f"No. {n}", text="Good morning.\n" * 200)
            mailbox.add("F-inbox", raw=mail.to_bytes())
        settings = {
            "protocol": "graph",
            "client_tenant_id": "tenant",
            "client_id": CLIENT_ID,
            "client_secret_key": SECRET,
            "user_name": USER,
            "authority_url": tokens.tenant.removesuffix("/tenant"),
            "graph_url": fake.service,
            "ca_certificates": pki.ca_pem,
        }
        print(json.dumps(settings), flush=True)
        for _ in sys.stdin:
            assert not fake.violations, fake.violations[:3]
            print(len(fake.requests), fake.peak, flush=True)
            fake.requests.clear()


class Server:
    """The server's process, and what it counted."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._in: IO[str] = process.stdin  # type: ignore[assignment]
        self._out: IO[str] = process.stdout  # type: ignore[assignment]
        self.settings = json.loads(self._out.readline())
        self.peak = 0

    def round_trips(self) -> int:
        """Return how many requests came since the last call."""
        self._in.write("\n")
        self._in.flush()
        count, self.peak = map(int, self._out.readline().split())
        return count


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


async def read_and_mark(account: Account) -> float:
    async with Mailport() as host:
        started = time.perf_counter()
        async with host.poll(account) as round_:
            found = [delivery async for delivery in round_ if await delivery.read()]
            await round_.acknowledge(Action(ActionKind.MARK_READ), found)
        took = time.perf_counter() - started
    assert len(found) == MAILS
    return took


async def compare(server: Server) -> bool:
    async with Mailport() as host:
        sending = host.account(server.settings)
        reading = host.account(server.settings, "incoming")
    slow, before = await one_by_one(sending), server.round_trips()
    fast, after = await at_once(sending), server.round_trips()
    took, read = await read_and_mark(reading), server.round_trips()
    print(f"submit {MAILS} one by one  {before:4} round trips  {slow:6.2f} s")
    print(f"submit {MAILS} at once     {after:4} round trips  {fast:6.2f} s   {after / before:.3f} of the trips")
    print(f"read and mark {MAILS}      {read:4} round trips  {took:6.2f} s   instead of {2 * MAILS}")
    print(f"most requests in flight at the mailbox: {server.peak}")
    return after <= before * LIMIT and server.peak <= 4


@contextmanager
def serving() -> Iterator[Server]:
    """Run the server in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", f"from benchmarks.graph_bulk import *; serve(Path({folder!r}))"]
        root = Path(__file__).parents[1]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
            yield Server(process)
            process.communicate()


if __name__ == "__main__":
    with serving() as server:
        good = asyncio.run(compare(server))
    sys.exit(0 if good else 1)
