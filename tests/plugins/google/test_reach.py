"""Where connections go: egress, TLS and proxy by account, whatever the machine's environment says."""

import asyncio
import socket
import threading
from collections.abc import Callable

import pytest

from mailport.account import Account
from mailport.egress import EgressPolicy
from mailport.errors import ConfigurationError, MailportError, Unreachable
from mailport.host import Mailport
from mailport.message import Message
from mailport.services import Services
from mailport_google.sender import GoogleSender
from tests.peers.fake_gmail import Fault
from tests.peers.pki import Pki
from tests.peers.ports import HOST
from tests.plugins.google.conftest import Google

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "HTTPLIB2_CA_CERTS")


async def sent(account: Account, services: Services | None = None) -> bool:
    """Send one mail."""
    async with GoogleSender(account, services or Services()) as sender:
        return (await sender.send(Message.compose(to="ann@example.org", text="Hello.\n"))).accepted


async def refusal_of(account: Account, services: Services | None = None) -> MailportError:
    with pytest.raises(MailportError) as caught:
        await sent(account, services)
    return caught.value


@pytest.mark.parametrize("bundle", ["unset", "other", "right"])
async def test_trust_is_the_accounts_own(google: Google, pki: Pki, monkeypatch: pytest.MonkeyPatch, bundle: str) -> None:
    """CA Certificates decide alone: a bundle in the environment neither breaks them nor adds to them."""
    for name in BUNDLES if bundle != "unset" else ():
        monkeypatch.setenv(name, str(pki.ca if bundle == "right" else pki.other_ca))
    assert await sent(google.account())
    error = await refusal_of(google.account(ca_certificates=pki.other_ca.read_text()))
    assert isinstance(error, ConfigurationError)
    assert (error.code, error.field) == ("authentication.token_tls_certificate_authority", "ca_certificates")


# SEC-03
async def test_the_egress_policy_holds_for_both_endpoints(google: Google) -> None:
    """Neither endpoint is reached where the policy forbids it, and the error names the endpoint's field."""
    error = await refusal_of(google.account(), Services(egress=EgressPolicy(public_only=True)))
    assert (error.code, error.field) == ("authentication.token_egress_refused", "token_url")
    assert google.tokens.connections == 0
    strict = EgressPolicy(public_only=True, allowed=("localhost",))
    token_only = google.account(token_url=google.tokens.token_url.replace(HOST, "localhost"))
    error = await refusal_of(token_only, Services(egress=strict))
    assert (error.code, error.field) == ("egress.refused", "api_url")
    assert google.gmail.connections == 0


# SEC-03
async def test_a_redirect_is_not_followed(google: Google) -> None:
    """A redirect leads nowhere: the host that it names was never checked."""
    for where in (google.tokens, google.gmail):
        where.faults.append(Fault(status=307, headers={"Location": google.gmail.url}))
        error = await refusal_of(google.account())
        assert isinstance(error, MailportError)
        where.faults.clear()
    assert google.gmail.count("send") == 1


class _HttpProxy:
    """CONNECT and nothing else; `asked` are the addresses that clients asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._server = socket.create_server((HOST, 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += client.recv(4096)
        target = request.split()[1].decode()
        self.asked.append(target)
        host, _, port = target.rpartition(":")
        far = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        threads = [threading.Thread(target=_pipe, args=pair, daemon=True) for pair in ((client, far), (far, client))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()
        far.close()


def _pipe(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


# PLS-03
async def test_everything_goes_through_the_accounts_proxy(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    """Token and mail go through the proxy of the account, to the address that was checked; the environment's is ignored."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    proxy = _HttpProxy()
    try:
        assert await sent(google.account(proxy_url=f"http://{HOST}:{proxy.port}"))
    finally:
        proxy.close()
    assert proxy.asked == [f"{HOST}:{google.tokens.port}", f"{HOST}:{google.gmail.port}"]
    assert await sent(google.account()), "and without a proxy in the settings there is none"


@pytest.mark.parametrize("variable", ["GOOGLE_CLOUD_UNIVERSE_DOMAIN", "GOOGLE_API_USE_MTLS_ENDPOINT"])
async def test_googles_environment_variables_move_nothing(
    google: Google, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The endpoint is the account's, whatever the variables of Google's libraries say."""
    monkeypatch.setenv(variable, {"GOOGLE_API_USE_MTLS_ENDPOINT": "always"}.get(variable, "elsewhere.example.test"))
    assert await sent(google.account())


async def test_discovery_needs_no_network(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API's description comes with the library: no connection but the two endpoints'."""
    reached: list[tuple[str, int]] = []
    real: Callable[..., socket.socket] = socket.create_connection

    def recorded(address: tuple[str, int], *more: object, **named: object) -> socket.socket:
        reached.append(address)
        return real(address, *more, **named)

    monkeypatch.setattr(socket, "create_connection", recorded)
    assert await sent(google.account())
    assert {port for _, port in reached} == {google.tokens.port, google.gmail.port}


async def test_a_closed_host_leaves_nothing_behind(google: Google) -> None:
    """After the host is closed no connection is open, and a session that is not open says so."""
    async with Mailport() as host:
        await host.submit(Message.compose(to="ann@example.org", text="x"), google.account())
    for _ in range(200):
        if google.gmail.open_connections == 0:
            break
        await asyncio.sleep(0.01)
    assert google.gmail.open_connections == google.tokens.open_connections == 0
    with pytest.raises(Unreachable):
        await GoogleSender(google.account(), Services()).send(Message.compose(to="ann@example.org", text="x"))
