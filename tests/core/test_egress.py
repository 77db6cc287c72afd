"""Egress: which hosts may be reached, and that the checked address is the one used."""

import asyncio
import socket

import pytest

from mailport import ConfigurationError, EgressPolicy, TimedOut, Unreachable
from mailport.egress import explain

PUBLIC_ONLY = EgressPolicy(public_only=True)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:0a00:0001::1",
    ],
)
def test_addresses_inside_are_refused(address):  # SEC-03
    """Loopback, private, link-local and metadata ranges are not public, also inside IPv6 forms."""
    assert not PUBLIC_ONLY.permits("mail.example.org", address)
    assert EgressPolicy().permits("mail.example.org", address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_public_addresses_are_permitted(address):  # SEC-03
    """A public address is one in every notation."""
    assert PUBLIC_ONLY.permits("mail.example.org", address)


@pytest.mark.parametrize("entry", ["mail.internal", "10.1.2.3", "10.1.0.0/16"])
def test_the_operator_may_allow_hosts_addresses_and_networks(entry):  # SEC-03
    """What is named is reachable, and nothing beside it."""
    policy = EgressPolicy(public_only=True, allowed=(entry,))
    assert policy.permits("mail.internal", "10.1.2.3")
    assert not policy.permits("other.internal", "10.2.2.3")


async def test_the_refusal_names_field_and_remedy():  # SEC-03
    """A tenant learns that the host is not allowed before any packet leaves."""
    with pytest.raises(ConfigurationError) as caught:
        await PUBLIC_ONLY.connect("localhost", 25, timeout=5)
    assert (caught.value.code, caught.value.field) == ("egress.refused", "host")
    with pytest.raises(ConfigurationError):
        PUBLIC_ONLY.connect_blocking("127.0.0.1", 25, timeout=5)


@pytest.fixture
def listener():
    """A socket that listens on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_the_checked_address_is_the_one_used(listener, monkeypatch):  # SEC-03
    """A name is resolved once: an answer that changes between check and connection cannot matter."""
    answers = iter(["127.0.0.1", "192.0.2.1"])

    def resolve(host, port, *args, **more):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    policy = EgressPolicy(public_only=True, allowed=("127.0.0.1",))
    with await policy.connect("rebinding.example", listener, timeout=5) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"


async def test_both_ways_to_connect_give_a_connected_socket(listener):
    """asyncio gets a non-blocking socket, a thread one with a timeout."""
    with await EgressPolicy().connect("localhost", listener, timeout=5) as sock:
        assert sock.getblocking() is False
    with EgressPolicy().connect_blocking("localhost", listener, timeout=5) as sock:
        assert sock.gettimeout() == 5


@pytest.fixture
def closed_port():
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return port


async def test_failures_are_told_apart(closed_port):  # TST-07
    """No such host, nobody listening and silence are three errors with three remedies."""
    with pytest.raises(ConfigurationError) as unknown:
        await EgressPolicy().connect("no-such-host.invalid", 25, timeout=20)
    with pytest.raises(Unreachable) as refused:
        await EgressPolicy().connect("127.0.0.1", closed_port, timeout=5)
    silent = explain(TimeoutError(), host="mail.example.org", port=25)
    assert isinstance(silent, TimedOut)
    assert [unknown.value.code, refused.value.code, silent.code] == ["name.unknown", "connect.refused", "connect.timeout"]
    assert len({unknown.value.remedy, refused.value.remedy, silent.remedy}) == 3


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_failing_proxy_is_told_with_its_cause(closed_port, blocking):
    """What the proxy's library said stands below our error, which is not its own cause."""
    where = {"timeout": 5, "proxy_url": f"socks5://127.0.0.1:{closed_port}"}
    with pytest.raises(Unreachable) as caught:
        if blocking:
            await asyncio.to_thread(EgressPolicy().connect_blocking, "127.0.0.1", 25, **where)
        else:
            await EgressPolicy().connect("127.0.0.1", 25, **where)
    assert caught.value.code == "connect.proxy"
    assert type(caught.value.__cause__).__name__ == "ProxyConnectionError"


async def test_a_full_backlog_times_out():
    """A host that never answers ends after the given time."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.socket() as first, socket.socket() as second:
        for sock in (first, second):
            sock.setblocking(False)
            sock.connect_ex(server.getsockname())
        await asyncio.sleep(0.01)
        with pytest.raises(TimedOut):
            await EgressPolicy().connect(*server.getsockname(), timeout=0.2)


@pytest.mark.parametrize("blocking", [False, True])
async def test_an_address_that_swallows_packets_leaves_time_for_the_next(monkeypatch, blocking):
    """A host with two addresses is reached by the second when the first never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first, socket.socket() as second:
        port = full.getsockname()[1]
        for sock in (first, second):
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.1", "127.0.0.2")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
        connect = EgressPolicy().connect_blocking if blocking else EgressPolicy().connect
        with socket.create_server(("127.0.0.2", port)):
            connected = connect("mail.example.org", port, timeout=1)
            with connected if blocking else await connected as sock:
                assert sock.getpeername()[0] == "127.0.0.2"


def test_the_operators_hosts_are_compared_without_case():  # SEC-03
    """Host names have no case."""
    policy = EgressPolicy(public_only=True, allowed=("Mail.Internal",))
    assert policy.permits("mail.INTERNAL", "10.1.2.3")


def test_a_bad_network_is_told_at_start():
    """The operator's mistake is not discovered by a tenant."""
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
        EgressPolicy(allowed=("10.0.0.0/99",))
