"""npm's emulate: a Gmail that we did not write. It speaks plain HTTP, so TLS stands in front of it."""

import asyncio
import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from tests.peers.loop_thread import LoopThread
from tests.peers.ports import HOST, free_port
from tests.peers.process import foreground, lack, need, one_at_a_time, private_folder

VERSION = "0.10.0"  # the last one for Node 20


class TlsFront:
    """Takes TLS connections from entering to leaving the block and forwards what they say to `target`."""

    def __init__(self, target: int, context: ssl.SSLContext) -> None:
        self.port = 0
        self._target = target
        self._context = context
        self._writers: list[asyncio.StreamWriter] = []
        self._thread = LoopThread()

    def __enter__(self) -> Self:
        self._thread.__enter__()
        self.port = self._thread.run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.run(self._close())
        self._thread.__exit__()

    async def _close(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._connected, HOST, 0, ssl=self._context)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
            self._writers += [writer, far_writer]
            await asyncio.gather(_forward(reader, far_writer), _forward(far_reader, writer))


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextmanager
def serve_emulate(user: str, context: ssl.SSLContext) -> Iterator[str]:
    """Run emulate with one empty mailbox; give the root URL of its API."""
    program = _installed()
    with private_folder("emulate") as folder:
        seed = folder / "seed.json"
        seed.write_text(json.dumps({"google": {"users": [{"email": user, "name": "User"}]}}))
        port = free_port()
        command = [need("node", "nodejs"), str(program), "start", "-s", "google", "-p", str(port), "--seed", str(seed)]
        with foreground(command, ports=[port], log=folder / "log"), TlsFront(port, context) as front:
            yield f"https://{HOST}:{front.port}/"


def _installed() -> Path:
    """The program, installed by its name and version where it is not yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mailport-tests" / f"emulate-{VERSION}"
    program = cache / "node_modules" / ".bin" / "emulate"
    with one_at_a_time(cache):
        if not program.exists():
            _install(cache)
    return program


def _install(cache: Path) -> None:
    npm = need("npm", "npm")
    install = [npm, "install", "--prefix", str(cache), "--no-audit", "--no-fund", "--ignore-scripts", f"emulate@{VERSION}"]
    done = subprocess.run(install, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        lack(f"npm could not install emulate@{VERSION}: {done.stderr[-300:]}")
