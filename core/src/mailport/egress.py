"""Which hosts an account may reach: a name is resolved once, checked, and the address that was checked is the one used.

Every transport connects through ``connect`` or ``connect_blocking`` and gives the socket to its library; the server name of
the TLS check stays the name.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from mailport.errors import ConfigurationError, MailportError, TimedOut, Unreachable, UnsupportedFeature

__all__ = ["EgressPolicy", "explain"]

_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Where connections may go.

    With ``public_only`` loopback, link-local, metadata and private addresses are refused, except for ``allowed``: host
    names, addresses or networks (``10.1.0.0/16``) that the operator names.
    """

    public_only: bool = False
    allowed: tuple[str, ...] = ()
    _named: frozenset[str] = field(init=False, repr=False, compare=False)
    _networks: tuple[IPv4Network | IPv6Network, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Read the networks once. Raises ``ValueError`` for a bad one, which is the operator's error, told at start."""
        object.__setattr__(self, "_named", frozenset(entry.lower() for entry in self.allowed))
        object.__setattr__(self, "_networks", tuple(ip_network(entry) for entry in self.allowed if "/" in entry))

    def permits(self, host: str, address: str) -> bool:
        """Whether ``host``, resolved to ``address``, may be reached."""
        if not self.public_only or host.lower().rstrip(".") in self._named or address in self._named:
            return True
        ip = ip_address(address.partition("%")[0])
        return any(ip in network for network in self._networks) or _is_public(ip)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return the permitted addresses of ``host``.

        Raises ``ConfigurationError`` (``name.unknown``, ``egress.refused``) or ``Unreachable`` (``name.lookup``).
        """
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise explain(error, host=host) from error
        return self._permitted(host, found)

    def resolve_blocking(self, host: str, port: int) -> Sequence[str]:
        """Do what ``resolve`` does, in a thread."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise explain(error, host=host) from error
        return self._permitted(host, found)

    def _permitted(
        self, host: str, found: Sequence[tuple[object, object, object, object, tuple[object, ...]]]
    ) -> Sequence[str]:
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        permitted = [address for address in addresses if self.permits(host, address)]
        if not permitted:
            raise ConfigurationError(
                f"{host} ({', '.join(addresses)}) may not be reached from here.",
                code="egress.refused",
                field="host",
                remedy="Enter a public host, or have the operator allow this one.",
            )
        return permitted

    async def connect(self, host: str, port: int, *, timeout: float, proxy_url: str | None = None) -> socket.socket:
        """Return a connected non-blocking socket to a permitted address of ``host``.

        Raises what ``resolve`` raises, and ``Unreachable`` or ``TimedOut`` (``connect.*``).
        """
        try:
            async with asyncio.timeout(timeout):
                addresses = await self.resolve(host, port)
                if proxy_url:
                    return await _through_proxy(proxy_url, addresses[0], port)
                return await _connect_first(addresses, port, timeout)
        except Unreachable:
            raise
        except OSError as error:
            raise explain(error, host=host, port=port) from error

    def connect_blocking(self, host: str, port: int, *, timeout: float, proxy_url: str | None = None) -> socket.socket:
        """Do what ``connect`` does, in a thread; the socket has ``timeout``."""
        addresses = self.resolve_blocking(host, port)
        try:
            if proxy_url:
                return _through_proxy_blocking(proxy_url, addresses[0], port, timeout)
            return _connect_first_blocking(addresses, port, timeout)
        except Unreachable:
            raise
        except OSError as error:
            raise explain(error, host=host, port=port) from error


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    """Whether an address is a public one, also inside the IPv6 forms that carry an IPv4 address."""
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
    return ip.is_global and not ip.is_multicast


async def _connect_first(addresses: Sequence[str], port: int, timeout: float) -> socket.socket:
    """Connect to the first address that answers, each in its share of the time; the last failure is told when none does."""
    loop = asyncio.get_running_loop()
    failure: OSError = OSError(errno.EHOSTUNREACH, "no address")
    for address in addresses:
        sock = socket.socket(_family(address), socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            async with asyncio.timeout(timeout / len(addresses)):
                await loop.sock_connect(sock, (address, port))
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return _tuned(sock)
    raise failure


def _connect_first_blocking(addresses: Sequence[str], port: int, timeout: float) -> socket.socket:
    failure: OSError = OSError(errno.EHOSTUNREACH, "no address")
    for address in addresses:
        try:
            sock = _tuned(socket.create_connection((address, port), timeout=timeout / len(addresses)))
        except OSError as error:
            failure = error
        else:
            sock.settimeout(timeout)
            return sock
    raise failure


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _tuned(sock: socket.socket) -> socket.socket:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # mail commands are short and wait for an answer
    return sock


async def _through_proxy(proxy_url: str, address: str, port: int) -> socket.socket:
    try:
        from python_socks import ProxyConnectionError, ProxyError  # noqa: PLC0415 - an extra
        from python_socks.async_.asyncio import Proxy  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise _no_proxy_support() from error
    try:
        return await Proxy.from_url(proxy_url).connect(dest_host=address, dest_port=port)
    except (ProxyError, ProxyConnectionError, ValueError) as error:
        raise _proxy_failed() from error


def _through_proxy_blocking(proxy_url: str, address: str, port: int, timeout: float) -> socket.socket:
    try:
        from python_socks import ProxyConnectionError, ProxyError  # noqa: PLC0415 - an extra
        from python_socks.sync import Proxy  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise _no_proxy_support() from error
    try:
        sock: socket.socket = Proxy.from_url(proxy_url).connect(dest_host=address, dest_port=port, timeout=timeout)
    except (ProxyError, ProxyConnectionError, ValueError) as error:
        raise _proxy_failed() from error
    sock.settimeout(timeout)
    return sock


def _no_proxy_support() -> UnsupportedFeature:
    return UnsupportedFeature(
        "A proxy is set and python-socks is not installed.",
        code="connect.proxy_missing",
        field="proxy_url",
        remedy="Install mailport[proxy].",
    )


def _proxy_failed() -> Unreachable:
    return Unreachable(
        "The proxy did not open the connection.",
        code="connect.proxy",
        field="proxy_url",
        remedy="Check the proxy's address.",
    )


def explain(error: OSError | UnicodeError, *, host: str, port: int | None = None) -> MailportError:
    """Return a network failure as the error that says what to do; the caller raises it ``from`` the original."""
    where = host if port is None else f"{host}:{port}"
    if isinstance(error, UnicodeError) or (isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN):
        return ConfigurationError(
            f"There is no host “{host[:100]}”.",
            code="name.unknown",
            field="host",
            remedy="Check the spelling of the host name.",
        )
    if isinstance(error, socket.gaierror):
        return Unreachable(
            f"The name {host} cannot be looked up now.",
            code="name.lookup",
            field="host",
            remedy="Check this machine's DNS.",
        )
    if isinstance(error, TimeoutError):
        return TimedOut(
            f"{where} did not answer in time.",
            code="connect.timeout",
            field="host",
            remedy="Check host and port, and that no firewall is in between.",
        )
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(
            f"{where} refused the connection.",
            code="connect.refused",
            field="port",
            remedy="Check the port, and that the mail server is running.",
        )
    if isinstance(error, ConnectionError):
        return Unreachable(f"{where} closed the connection.", code="connect.cut", remedy="Try again later.")
    return Unreachable(
        f"{where} cannot be reached.", code="connect.unreachable", field="host", remedy="Check host and network."
    )
