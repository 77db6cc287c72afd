"""The proxy slows down, cuts and swallows a connection."""

import socket
import time

import pytest

from tests.peers.proxy import Proxy
from tests.peers.scripted import ScriptedServer
from tests.peers_selftest.test_scripted_server import shout


def talk(proxy: Proxy, line: bytes = b"hello\n", timeout: float = 5.0) -> bytes:
    """Send a line through `proxy`; what comes back."""
    with socket.create_connection((proxy.host, proxy.port), timeout) as connection:
        connection.sendall(line)
        return connection.recv(100)


def test_latency_counts_in_both_directions() -> None:
    """A question and its answer take twice the latency, and arrive whole."""
    with ScriptedServer(shout) as server, Proxy(server.port, latency=0.05) as proxy:
        started = time.monotonic()
        assert talk(proxy) == b"HELLO\n"
        assert time.monotonic() - started >= 0.1


def test_a_connection_is_cut_after_so_many_bytes() -> None:
    """Every connection has its own budget of bytes from the client; the server sees only those."""
    with ScriptedServer(shout) as server, Proxy(server.port, cut_after=6) as proxy:
        assert talk(proxy, b"hello\n") in {b"HELLO\n", b""}
        assert talk(proxy, b"too long\n") == b""
        proxy.cut_after = None
        assert talk(proxy) == b"HELLO\n"
    assert b"too lo" in server.received


def test_a_black_hole_swallows_everything() -> None:
    """Connections stay open but nothing passes, until it is switched off for new ones."""
    with ScriptedServer(shout) as server, Proxy(server.port, blackhole=True) as proxy:
        with pytest.raises(TimeoutError):
            talk(proxy, timeout=0.1)
        proxy.blackhole = False
        assert talk(proxy) == b"HELLO\n"
        assert proxy.connections == 2


def test_open_connections_can_be_cut() -> None:
    """`cut` ends what is open and serves what comes later."""
    with ScriptedServer(shout) as server, Proxy(server.port) as proxy:
        with socket.create_connection((proxy.host, proxy.port)) as connection:
            while not server.connections:
                time.sleep(0.001)
            proxy.cut()
            assert connection.recv(1) == b""
        assert talk(proxy) == b"HELLO\n"
