"""Accepted mails that reach smtp-sink per second: our outbox beside django-post_office and Celery with smtplib, in one run.

    python benchmarks/outbox_throughput.py [messages]

Mails of 2 KB are accepted first (stored, or queued at the peer), then the clock starts. Ours: one worker on SQLite, and two
worker processes for eight tenants on PostgreSQL (without fsync, as in the tests); beside each the figure with one commit for
each message. The peers get a virtual environment below ``build/``, made with uv (``outbox_peers.py``): django-post_office with
its own command on SQLite, and two prefork processes of Celery with smtplib; its broker is Redis where ``redis-server`` is
installed, else the filesystem.

On loopback, in clear and without credentials, the interpreter is the limit; mail servers are some milliseconds away, where
round trips count. So the embedded figure and the peers are measured once more with a round trip of 20 ms.

Exits with 1 below 300 (SQLite) or 600 (PostgreSQL) messages a second, or below three times a peer in either place.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg

from mailport import Message
from mailport_workspace.database import migrate
from mailport_workspace.deployment.worker import Worker
from mailport_workspace.outbox.drain import Limits
from mailport_workspace.outbox.enqueue import Wish
from mailport_workspace.outbox.outbox import Outbox
from mailport_workspace.sealing import new_key
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.tables import now
from mailport_workspace.tenants.actor import Actor
from mailport_workspace.tenants.fresh import found_tenant
from mailport_workspace.workspace import Workspace
from tests.peers.ports import free_port
from tests.peers.postgres import Postgres, serve_postgres
from tests.peers.proxy import Proxy
from tests.peers.smtpsink import serve_smtp_sink

ROOT = Path(__file__).parents[1]
SENDER, RECIPIENT = "desk@example.test", "bob@example.test"
TEXT = "A line of text of a mail.\n" * 75  # 2 KB
TENANTS = 8
WORKERS = 2
LATENCY = 0.01  # seconds, one way
START = 10.0
"""Seconds that worker processes get to come up before the mails are due."""


def settings(owner: str, application: str = "", operator: str = "") -> WorkspaceSettings:
    urls = {"database_url": application or owner, "operator_database_url": operator or owner, "owner_database_url": owner}
    return WorkspaceSettings.model_validate(urls | {"keys": os.environ["MAILPORT_KEYS"], "egress_public_only": False})


def outbox(workspace: Workspace, group: int) -> Outbox:
    """Return the workspace's outbox with other groups: 20 is what it has, 1 is a commit for every message."""
    return Outbox(
        workspace.store,
        workspace.configurations,
        workspace.mailport,
        workspace.ring,
        workspace.engine,
        limits=Limits(group=group, run_for=3600),
    )


async def tenant(workspace: Workspace, name: str, port: int) -> str:
    made = await found_tenant(workspace.store, name)
    form = {
        "protocol": "smtp",
        "authentication": "none",
        "use_ssl_tls": "none",
        "host": "127.0.0.1",
        "port": port,
        "max_connections": 5,
    }
    await workspace.configurations.save(Actor.operator(made), form | {"user_name": SENDER})
    return made


async def accept(workspace: Workspace, tenants: list[str], count: int, due: datetime | None = None) -> float:
    """Accept mails, one transaction each; return how many a second."""
    started = time.perf_counter()
    for number in range(count):
        mail = Message.compose(sender=SENDER, to=RECIPIENT, subject=f"Mail {number}", text=TEXT)
        await workspace.outbox.submit(tenants[number % len(tenants)], mail, Wish(due_at=due))
    return count / (time.perf_counter() - started)


async def on_sqlite(folder: Path, port: int, count: int, group: int) -> tuple[float, float]:
    """One worker on SQLite: how many mails a second it accepts, and delivers."""
    url = f"sqlite+aiosqlite:///{folder}/{group}.db"
    await migrate(url)
    async with Workspace(settings(url)) as workspace:
        one = await tenant(workspace, "one", port)
        accepted = await accept(workspace, [one], count)
        started = time.perf_counter()
        await outbox(workspace, group).drain(one)
        delivered = count / (time.perf_counter() - started)
        async with workspace.store.read(one) as rows:
            assert all(entry.sent for entry in await rows.journal(limit=count))
    return accepted, delivered


async def on_postgresql(server: Postgres, port: int, count: int, group: int) -> float:
    """Two worker processes for eight tenants on PostgreSQL: how many mails a second are delivered."""
    name = server.create()
    owner, application, operator = urls = [server.url(role, name) for role in server.roles]
    await migrate(owner, application=application, operator=operator)
    async with Workspace(settings(*urls)) as workspace:
        tenants = [await tenant(workspace, f"tenant {number}", port) for number in range(TENANTS)]
        due = now() + timedelta(seconds=count / 60 + START)  # accepting takes a while as well
        await accept(workspace, tenants, count, due)
    with server.connect(name) as connection:
        return count / await asyncio.to_thread(by_workers, [*urls, str(group)], connection, count, due)


def by_workers(arguments: list[str], connection: psycopg.Connection[Any], count: int, due: datetime) -> float:
    """Start worker processes, wait until all is sent; return how many seconds that took."""
    workers = [subprocess.Popen([sys.executable, __file__, "worker", *arguments]) for _ in range(WORKERS)]
    try:
        return took(connection, count, due)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()


def took(connection: psycopg.Connection[Any], count: int, due: datetime) -> float:
    """Wait until all are sent; return the seconds since they were due and a worker was there."""
    statement = "SELECT count(*), max(finished_at) - greatest(%s, min(started_at)) FROM attempts WHERE outcome = 'sent'"
    while True:
        row = connection.execute(statement, (due,)).fetchone()
        assert row is not None
        if row[0] == count:
            return float(row[1].total_seconds())
        time.sleep(1)


async def work(urls: list[str], group: int) -> None:
    """Be a worker until the process is asked to end."""
    async with Workspace(settings(*urls)) as workspace:
        workspace.outbox = outbox(workspace, group)
        await Worker(workspace).run()


def peers() -> Path:
    """Make the virtual environment of the peers, once; return its Python."""
    python = ROOT / "build" / "outbox-peers" / "bin" / "python"
    if not python.exists():
        uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "-q", str(python.parents[1]), "--python", sys.executable], check=True)
        packages = ["django-post_office", "celery[redis]", "packaging"]  # kombu forgets to name packaging
        subprocess.run([uv, "pip", "install", "-q", "--python", str(python), *packages], check=True)
    return python


@contextmanager
def broker(folder: Path) -> Iterator[dict[str, str]]:
    """Give the environment that names Celery's broker: a Redis of our own where there is one."""
    program = shutil.which("redis-server")
    if program is None:
        yield {}
        return
    port = free_port()
    with subprocess.Popen(
        [program, "--port", str(port), "--dir", str(folder), "--save", ""], stdout=subprocess.DEVNULL
    ) as redis:
        try:
            time.sleep(1)
            yield {"BROKER_URL": f"redis://127.0.0.1:{port}"}
        finally:
            redis.terminate()


def by_peer(name: str, folder: Path, port: int, count: int) -> float:
    """Messages per second of a peer."""
    folder = folder / name
    folder.mkdir()
    script = Path(__file__).with_name("outbox_peers.py")
    with broker(folder) as environment:
        command = [str(peers()), str(script), name, str(port), str(count), str(folder)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | environment)
    return float(done.stdout.splitlines()[-1])


def ours(folder: Path, port: int, count: int) -> tuple[float, float]:
    """Measure and print our figures; return those with group commits."""
    accepted, embedded = asyncio.run(on_sqlite(folder, port, count, 20))
    _, each = asyncio.run(on_sqlite(folder, port, count // 4, 1))
    print(f"SQLite, one worker: {embedded:,.0f}/s delivered; one commit a message {each:,.0f}/s; accepting {accepted:,.0f}/s")
    with serve_postgres() as server:
        shared = asyncio.run(on_postgresql(server, port, count, 20))
        each = asyncio.run(on_postgresql(server, port, count // 4, 1))
    print(f"PostgreSQL, two workers, eight tenants: {shared:,.0f}/s delivered; one commit a message {each:,.0f}/s")
    return embedded, shared


def compare(place: str, ours: float, folder: Path, port: int, count: int) -> bool:
    """Print the peers' figures beside ours; say whether we are three times as fast as both."""
    folder.mkdir()
    rates = {name: by_peer(name, folder, port, count) for name in ("post_office", "celery")}
    for name, rate in rates.items():
        print(f"{place}: {name} {rate:,.0f}/s; ours on SQLite {ours:,.0f}/s, {ours / rate:.1f} times as fast")
    return all(ours >= 3 * rate for rate in rates.values())


def main(count: int) -> int:
    with tempfile.TemporaryDirectory() as path, serve_smtp_sink(dump=False) as sink, Proxy(sink.port, latency=LATENCY) as far:
        folder = Path(path)
        embedded, shared = ours(folder, sink.port, count)
        print("Celery's broker: " + ("Redis" if shutil.which("redis-server") else "files; redis-server is not installed"))
        is_ahead = compare("loopback", embedded, folder / "near", sink.port, count // 4)
        (folder / "away").mkdir()
        _, away = asyncio.run(on_sqlite(folder / "away", far.port, count // 4, 20))
        is_ahead_away = compare("20 ms", away, folder / "far", far.port, count // 10)
    return 0 if embedded >= 300 and shared >= 600 and is_ahead and is_ahead_away else 1


if __name__ == "__main__":
    os.environ.setdefault("MAILPORT_KEYS", new_key())
    if sys.argv[1:2] == ["worker"]:
        asyncio.run(work(sys.argv[2:5], int(sys.argv[5])))
    else:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000))
