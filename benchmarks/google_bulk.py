"""200 mails through one Gmail account: all submitted at once, beside one after another, with 20 ms of added latency.

Server and proxy run in a process of their own, so that they do not compete with the client for its interpreter. Exits with 1
where submitting at once takes more than a quarter of the sequential time, or a mail has no receipt of its own.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mailport.account import Account
from mailport.host import Mailport
from mailport.message import Message

MAILS = 200
LATENCY = 0.02
LIMIT = 1 / 4
SERVICE_ACCOUNT, USER = "mail@project.iam.gserviceaccount.com", "sender@example.test"


def serve(folder: Path) -> None:
    """Serve until standard input ends; tell the settings of an account in one line."""
    from mailport_google.fields import GMAIL  # noqa: PLC0415
    from tests.peers.fake_gmail import FakeGmail, FakeGoogleTokens  # noqa: PLC0415
    from tests.peers.fake_gmail.tokens import ServiceAccount  # noqa: PLC0415
    from tests.peers.pki import make_pki  # noqa: PLC0415
    from tests.peers.proxy import Proxy  # noqa: PLC0415

    pki, key = make_pki(folder), generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with (
        FakeGoogleTokens(pki.server_context()) as tokens,
        FakeGmail(pki.server_context(), tokens) as gmail,
        Proxy(gmail.port, latency=LATENCY / 2) as proxy,
    ):
        tokens.accounts[SERVICE_ACCOUNT] = ServiceAccount(SERVICE_ACCOUNT, public, {f"{GMAIL}.send"})
        gmail.mailbox(USER)
        settings = {
            "protocol": "google",
            "service_account_address": SERVICE_ACCOUNT,
            "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "user_name": USER,
            "token_url": tokens.token_url,
            "api_url": f"https://127.0.0.1:{proxy.port}/",
            "ca_certificates": pki.ca_pem,
            "quota_units_per_minute": 1_000_000,
        }
        print(json.dumps(settings), flush=True)
        sys.stdin.read()


def mails(kind: str) -> list[Message]:
    return [
        Message.compose(sender=USER, to=f"{kind}{n}@example.org", subject=f"No. {n}", text="Good morning.\n" * 200)
        for n in range(MAILS)
    ]


async def one_by_one(account: Account) -> float:
    messages = mails("one")
    async with Mailport() as host:
        await host.submit(messages[0], account)
        started = time.perf_counter()
        for message in messages:
            await host.submit(message, account)
        return time.perf_counter() - started


async def at_once(account: Account) -> float:
    messages = mails("many")
    async with Mailport() as host:
        await host.submit(messages[0], account)
        started = time.perf_counter()
        receipts = await asyncio.gather(*(host.submit(message, account) for message in messages))
        took = time.perf_counter() - started
    own = [
        receipt.accepted and receipt.message_id == message.message_id
        for receipt, message in zip(receipts, messages, strict=True)
    ]
    assert all(own), "a mail has no receipt of its own"
    return took


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.google_bulk", "serve", folder]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, text=True, **pipes) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            settings: dict[str, Any] = json.loads(server.stdout.readline())
            account = Mailport().account(settings)
            slow, fast = asyncio.run(one_by_one(account)), asyncio.run(at_once(account))
            server.stdin.close()
    ratio = fast / slow
    print(f"{MAILS} mails, {LATENCY * 1000:g} ms of latency: one by one {slow:.2f} s, at once {fast:.2f} s")
    print(f"ratio {ratio:.3f}, limit {LIMIT}")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(Path(sys.argv[2]))
    else:
        sys.exit(main())
