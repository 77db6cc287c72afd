"""The bare scripted server plays any behaviour, for blocking and asyncio clients."""

import asyncio
import socket
import time

import pytest

from tests.peers.scripted import ScriptedServer


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: list[bytes]) -> None:
    """Answer one line in capitals."""
    log.append(await reader.readline())
    writer.write(log[-1].upper())


def test_a_blocking_client_is_served() -> None:
    """The behaviour runs once per connection; its log is `received`."""
    with ScriptedServer(shout) as server:
        for _ in range(2):
            with socket.create_connection((server.host, server.port)) as connection:
                connection.sendall(b"hello\n")
                assert connection.recv(10) == b"HELLO\n"
    assert server.received == [b"hello\n", b"hello\n"]
    assert server.connections == 2


async def test_an_asyncio_client_is_served() -> None:
    """The server has a loop of its own, so the test's loop is free."""
    with ScriptedServer(shout) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"hello\n")
        assert await reader.read() == b"HELLO\n"
        writer.close()
        await writer.wait_closed()


def test_an_error_in_the_script_is_not_lost() -> None:
    """A behaviour that fails makes the test fail."""

    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: list[bytes]) -> None:
        raise LookupError("a typing error")

    with pytest.RaisesGroup(LookupError), ScriptedServer(broken) as server:
        socket.create_connection((server.host, server.port)).close()
        give_up = time.monotonic() + 10
        while (not server.connections or server.open_connections) and time.monotonic() < give_up:
            time.sleep(0.001)
