"""A message of 50 MB, read as a stream."""

import asyncio
import hashlib
import time
import tracemalloc
from pathlib import Path

import pytest

from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki
from tests.plugins.smtp.receiving import listed, of_dovecot, receiver

MB = 1024 * 1024
LINE = b"TWFpbHBvcnQgcmVhZHMgdGhpcyBtZXNzYWdlIGJ5IHBpZWNlcyBhbmQgd3JpdGVzIGl0IG91\r\n"
LARGE = b"Subject: Large\r\n\r\n" + LINE * (50 * MB // len(LINE))


async def beats(ticks: list[float]) -> None:
    """Note when the event loop had time."""
    while True:
        ticks.append(time.monotonic())
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
async def test_a_large_message_takes_little_memory(protocol: str, mailbox: Mailbox, pki: Pki, tmp_path: Path) -> None:
    """50 MB are saved with at most 16 MB of memory, every byte the same, while the event loop goes on."""
    mailbox.deliver(LARGE)
    account = of_dovecot(protocol, mailbox.server, mailbox.address, mailbox.password, "TLS", ca_certificates=pki.ca_pem)
    ticks: list[float] = []
    async with receiver(account) as session:
        [delivery], _ = await listed(session)
        beating = asyncio.ensure_future(beats(ticks))
        tracemalloc.start()
        size = await delivery.save(tmp_path / "large.eml")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        beating.cancel()
    assert hashlib.sha256((tmp_path / "large.eml").read_bytes()).digest() == hashlib.sha256(LARGE).digest()
    assert size == len(LARGE)
    assert peak < 16 * MB
    assert len(ticks) > 5
