"""Receiving over EWS: our receiver beside exchangelib as it is, in one run.

    python benchmarks/ews_reading.py

exchangelib reads every answer one byte at a time; our adapter mends that. Both ask the same server over TLS, which runs in a
process of its own, in turns, so that a busy machine slows both; medians are compared. exchangelib is given the ids, ours
lists the folder first. Exits with 1 where messages of 60 KB do not come 5 times, and one of 25 MB 15 times as fast.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from mailport.account import Account, validate
from mailport.fields import Direction
from mailport.services import Services
from mailport_ews.fields import PROTOCOL
from mailport_ews.receiver import EwsReceiver

KB, MB = 1024, 1024 * 1024
USER, PASSWORD = "inbox@example.org", "kestrel-amber-42"
# Folder: messages, bytes of each, how many times as fast we must be.
CASES = {"small": (60, 60 * KB, 5.0), "big": (1, 25 * MB, 15.0)}
ROUNDS = 3


def serve(folder: Path) -> None:
    """Serve until standard input ends; tell the settings of an account and the ids of the messages in one line."""
    from mailport.testing.messages import incoming  # noqa: PLC0415
    from tests.peers.fake_ews.server import FakeEws  # noqa: PLC0415
    from tests.peers.pki import make_pki  # noqa: PLC0415

    pki = make_pki(folder)
    with FakeEws(pki.server_context(), folder) as ews:
        ews.judges = False  # it would take longer than the work
        store = ews.add_mailbox(USER, PASSWORD)
        ids = {}
        for name, (count, size, _) in CASES.items():
            box = store.add_folder(name, store.known["msgfolderroot"])
            mails = [store.move(store.put(incoming(f"No. {n}", size=size)).id, box) for n in range(count)]
            ids[name] = [mail.id for mail in mails if mail is not None]
        settings = {"host": ews.url, "ca_certificates": pki.ca_pem}
        print(json.dumps({"settings": settings, "ids": ids, "ca": str(pki.ca)}), flush=True)
        sys.stdin.read()


def by_exchangelib(told: dict[str, Any], name: str) -> int:
    """Read the messages with exchangelib as it is, twenty at a time; return their bytes."""
    from exchangelib import (  # noqa: PLC0415
        BASIC,
        DELEGATE,
        Account,
        Configuration,
        Credentials,
        Version,
    )
    from exchangelib.fields import FieldPath  # noqa: PLC0415
    from exchangelib.items import Message  # noqa: PLC0415
    from exchangelib.properties import ItemId  # noqa: PLC0415
    from exchangelib.services import GetItem  # noqa: PLC0415
    from exchangelib.version import EXCHANGE_2016  # noqa: PLC0415

    config = Configuration(
        service_endpoint=told["settings"]["host"],
        credentials=Credentials(USER, PASSWORD),
        auth_type=BASIC,
        version=Version(EXCHANGE_2016),
    )
    account = Account(USER, config=config, autodiscover=False, access_type=DELEGATE)
    mime = [FieldPath(field=Message.get_field_by_fieldname("mime_content"))]
    items = GetItem(account=account, chunk_size=20).call(
        items=[ItemId(id=each) for each in told["ids"][name]], additional_fields=mime, shape="IdOnly"
    )
    return sum(len(item.mime_content) for item in items)


def by_mailport(told: dict[str, Any], name: str) -> int:
    """Read them with our receiver; return their bytes."""
    values = told["settings"] | {"authentication": "plain", "user_name": USER, "password": PASSWORD, "folder": name}
    account = validate(PROTOCOL, Direction.INCOMING, values | {"email_component_type": "advanced"})
    return asyncio.run(_read(account))


async def _read(account: Account) -> int:
    total = 0
    async with EwsReceiver(account, Services()) as receiver, receiver.fetch(None) as deliveries:
        async for delivery in deliveries:
            async for chunk in delivery.chunks():
                total += len(chunk)
    return total


def seconds(read: Callable[[dict[str, Any], str], int], told: dict[str, Any], name: str) -> float:
    """How long it takes to read a folder completely."""
    started = time.perf_counter()
    total = read(told, name)
    count, size, _ = CASES[name]
    assert total >= count * size * 0.95, f"{read.__name__} read {total} bytes of {name}"
    return time.perf_counter() - started


def compare(told: dict[str, Any], name: str) -> bool:
    """Read a folder in turns and tell the medians; return whether the limit is held."""
    count, size, limit = CASES[name]
    times: dict[str, list[float]] = {"exchangelib": [], "mailport": []}
    for _ in range(ROUNDS):
        times["exchangelib"].append(seconds(by_exchangelib, told, name))
        times["mailport"].append(seconds(by_mailport, told, name))
    stock, ours = (statistics.median(found) for found in times.values())
    print(f"{count} x {size // KB} KB: exchangelib {stock:.2f} s ({count / stock:.0f}/s), mailport {ours:.2f} s ", end="")
    print(f"({count / ours:.0f}/s): {stock / ours:.1f} times as fast (at least {limit:g})")
    return stock / ours >= limit


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            told = json.loads(server.stdout.readline())
            os.environ["REQUESTS_CA_BUNDLE"] = told["ca"]  # the only way to give exchangelib an authority
            by_mailport(told, "small")  # imports and warms both up
            by_exchangelib(told | {"ids": {"small": told["ids"]["small"][:1]}}, "small")
            held = [compare(told, name) for name in CASES]
            server.communicate()
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main()) if len(sys.argv) == 1 else serve(Path(sys.argv[1]))
