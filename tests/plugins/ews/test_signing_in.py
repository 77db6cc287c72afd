"""Signing in: passwords by Basic and NTLM, tokens with a secret and a certificate, TLS and egress of the account's own."""

import asyncio
import socket
import ssl
import warnings
from pathlib import Path
from typing import Any

import pytest

from mailport.egress import EgressPolicy
from mailport.errors import AuthenticationFailed, ConfigurationError, MailportError, TimedOut, Unreachable
from mailport.services import Services
from tests.peers.fake_ews import faults
from tests.peers.fake_ews.server import FakeEws
from tests.peers.pki import Pki
from tests.peers.token_endpoint import TokenEndpoint, slow
from tests.plugins.ews.sessions import arrived, mail, receiver, send, sender

LOGIN = "EXAMPLE\\desk"


async def test_plain_signs_in_with_the_password(ews: FakeEws, plain: dict[str, Any]) -> None:
    """Plain sends with user name and password, and asks for no token."""
    # SND-03
    await send(plain)
    assert len(arrived(ews)) == 1


async def test_auth_login_signs_in_with_a_token(ews: FakeEws, oauth: dict[str, Any], tokens: TokenEndpoint) -> None:
    """AuthLogin gets a token by client credentials for the resource, and acts as the mailbox in User Name."""
    # SND-02
    await send(oauth)
    [form] = tokens.requests
    assert form["grant_type"] == "client_credentials"
    assert form["scope"] == "https://outlook.office365.com/.default"
    assert b"<t:PrimarySmtpAddress>inbox@example.org</t:PrimarySmtpAddress>" in ews.bodies[-1]


async def test_a_certificate_instead_of_a_secret(oauth: dict[str, Any], pki: Pki, tokens: TokenEndpoint) -> None:
    """A certificate signs the request for a token; the server verifies it with the public part."""
    # PLS-02
    changes: dict[str, Any] = {
        "client_id": "by-certificate",
        "client_secret_key": "",
        "client_certificate": pki.client.read_text(),
    }
    assert (await send(oauth, **changes)).accepted
    assert "client_secret" not in tokens.requests[0]


async def test_an_unreadable_certificate(oauth: dict[str, Any], pki: Pki, tokens: TokenEndpoint) -> None:
    """A key that cannot be read is told at its field, before anybody is asked for a token."""
    # PLS-02
    text = pki.client.read_text().replace("\n", "\nAAAA", 3)
    with pytest.raises(ConfigurationError) as caught:
        await send(oauth, client_secret_key="", client_certificate=text)
    assert (caught.value.code, caught.value.field) == ("authentication.certificate_unreadable", "client_certificate")
    assert tokens.requests == []


async def test_another_cloud(oauth: dict[str, Any], tokens: TokenEndpoint) -> None:
    """The token is asked for the resource of the cloud that the account names."""
    # VER-05
    await send(oauth, client_resource_url="https://partner.outlook.cn/")
    assert tokens.requests[0]["scope"] == "https://partner.outlook.cn/.default"


async def test_hanging_token_servers_hold_up_nobody_else(ews: FakeEws, oauth: dict[str, Any]) -> None:
    """However many applications wait for a token server that hangs, another one sends meanwhile."""
    # PLG-03
    services = Services()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        senders = [sender(oauth, services, client_login_url=url, client_id=f"app-{n}") for n in range(12)]
        stuck = [asyncio.create_task(each.open()) for each in senders]
        await asyncio.sleep(0.2)
        async with asyncio.timeout(10), sender(oauth, services) as free:
            assert (await free.send(mail())).accepted
        assert not any(task.done() for task in stuck)
    outcomes = await asyncio.gather(*stuck, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unreachable}


async def test_tokens_are_reused(oauth: dict[str, Any], tokens: TokenEndpoint) -> None:
    """Sessions one after another and side by side ask for one token."""
    # SND-06 REL-07
    services = Services()
    sessions = [sender(oauth, services) for _ in range(4)] + [receiver(oauth, services) for _ in range(2)]
    await asyncio.gather(*(session.open() for session in sessions))
    await asyncio.gather(*(session.close() for session in sessions))
    async with sender(oauth, services) as another:
        await another.send(mail())
    assert len(tokens.requests) == 1


async def test_a_refused_token_is_renewed_once(ews: FakeEws, oauth: dict[str, Any], tokens: TokenEndpoint) -> None:
    """A 401 in the middle of the work brings one fresh token, and the message arrives once."""
    # SND-06
    async with sender(oauth) as open_sender:
        ews.faults.append(faults.status(401, operation="CreateItem"))
        assert (await open_sender.send(mail())).accepted
    assert len(tokens.requests) == 2
    assert len(arrived(ews)) == 1


async def test_a_token_that_is_always_refused(ews: FakeEws, oauth: dict[str, Any], tokens: TokenEndpoint) -> None:
    """A second 401 is told, and no third token is asked for."""
    # SND-06 REL-06
    async with sender(oauth) as open_sender:
        ews.faults.append(faults.status(401, operation="CreateItem", times=None))
        with pytest.raises(AuthenticationFailed) as caught:
            await open_sender.send(mail())
    assert caught.value.field == "client_resource_url"
    assert len(tokens.requests) == 2


async def test_a_wrong_password_is_tried_once(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A refused password is sent to the server once, whatever it offers."""
    ews.offers = ["Negotiate", "NTLM", "Basic"]
    with pytest.raises(AuthenticationFailed) as caught:
        await send(plain, password="heron-violet-17")
    assert caught.value.field == "password"
    assert ews.refused == 1


@pytest.mark.parametrize("offers", [["NTLM"], ["Negotiate", "NTLM"], ["NTLM", "Basic"]], ids=" ".join)
async def test_ntlm(ews: FakeEws, plain: dict[str, Any], offers: list[str]) -> None:
    """A login with a domain signs in by NTLM where the server offers it; the password itself never leaves."""
    ews.users.add(LOGIN, "Gr\u00fcn-17-heron")
    ews.add_mailbox("desk@example.org")
    ews.offers = offers
    changes: dict[str, Any] = {"login": LOGIN, "password": "Gr\u00fcn-17-heron", "user_name": "desk@example.org"}
    async with sender(plain, **changes) as open_sender:
        for _ in range(3):
            await open_sender.send(mail())
    assert len(arrived(ews)) == 3
    assert ews.connections == 1


async def test_ntlm_with_a_wrong_password(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A wrong password by NTLM is told as such after one try."""
    ews.users.add(LOGIN, "right-17-heron")
    ews.offers = ["NTLM"]
    with pytest.raises(AuthenticationFailed):
        await send(plain, login=LOGIN, password="heron-violet-17")
    assert ews.refused == 1


async def test_an_address_signs_in_by_basic(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A login that is an address is told by Basic where the server offers both: it would refuse that by NTLM."""
    ews.offers = ["NTLM", "Basic"]
    assert (await send(plain)).accepted


async def test_no_password_is_wanted(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A server that offers only tokens is told as a capability, before the password is sent anywhere."""
    ews.offers = ["Bearer"]
    with pytest.raises(ConfigurationError) as caught:
        await send(plain)
    assert (caught.value.code, caught.value.field) == ("capabilities.auth_missing", "authentication")


@pytest.mark.parametrize("kind", ["plain", "oauth"])
async def test_authorities_of_the_environment_do_not_count(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, pki: Pki
) -> None:
    """The account's authorities are trusted and no others, whatever REQUESTS_CA_BUNDLE says."""
    # SEC-02
    values = request.getfixturevalue(kind)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(pki.other_ca))
    assert (await send(values)).accepted
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(pki.ca))
    with pytest.raises(ConfigurationError) as caught:
        await send(values, ca_certificates="")
    assert caught.value.field == "ca_certificates"


async def test_proxies_of_the_environment_do_not_count(monkeypatch: pytest.MonkeyPatch, plain: dict[str, Any]) -> None:
    """A proxy is the account's own; HTTPS_PROXY sends no password elsewhere."""
    # PLS-03
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert (await send(plain)).accepted
    with pytest.raises(Unreachable) as caught:
        await send(plain, proxy_url="http://127.0.0.1:1")
    assert caught.value.code.startswith("connect.")


async def test_accounts_share_no_trust(plain: dict[str, Any], pki: Pki) -> None:
    """Two accounts with the same server and password, one of which does not trust it: only the other is served."""
    good, bad = await asyncio.gather(send(plain), send(plain, ca_certificates=pki.other_ca.read_text()), return_exceptions=True)
    assert getattr(good, "accepted", False)
    assert isinstance(bad, ConfigurationError)


@pytest.mark.parametrize("kind", ["plain", "oauth"])
async def test_egress_is_checked(kind: str, request: pytest.FixtureRequest) -> None:
    """Neither the server nor the token server is reached where the operator does not allow it."""
    # SEC-03
    values = request.getfixturevalue(kind)
    with pytest.raises(ConfigurationError) as caught:
        await sender(values, Services(egress=EgressPolicy(public_only=True))).open()
    assert "egress_refused" in caught.value.code.replace(".", "_")


async def test_a_redirect_is_not_followed(ews: FakeEws, plain: dict[str, Any]) -> None:
    """A redirect is told as a wrong address; nobody is asked there."""
    ews.faults.append(faults.status(302, headers={"Location": "https://127.0.0.1:1/EWS/Exchange.asmx"}))
    with pytest.raises(ConfigurationError) as caught:
        await send(plain)
    assert caught.value.code == "greeting.redirected"


async def test_a_silent_token_server(oauth: dict[str, Any], tokens: TokenEndpoint) -> None:
    """A token server that stays silent is a timeout, which asks nobody for new credentials."""
    # OUT-22 REL-06
    tokens.faults.append(slow(3))
    with pytest.raises(TimedOut) as caught:
        await send(oauth, send_mail_timeout=1)
    assert caught.value.field == "client_login_url"


async def test_errors_name_no_secret(oauth: dict[str, Any], tokens: TokenEndpoint, tmp_path: Path) -> None:
    """What a token server says is told without the secret, also if it repeats it."""
    secret = "heron/violet+17=="
    tokens.clients.clear()
    with pytest.raises(AuthenticationFailed) as caught:
        await send(oauth, client_secret_key=secret)
    assert secret not in repr(caught.value.as_dict()) + repr(caught.value.__cause__)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [({"ca_certificates": ""}, ssl.SSLCertVerificationError), ({"host": "https://127.0.0.1:9/EWS/Exchange.asmx"}, OSError)],
    ids=["tls", "connect"],
)
async def test_the_first_cause_is_kept(plain: dict[str, Any], changes: dict[str, Any], cause: type[Exception]) -> None:
    """An error that libraries wrapped on its way still has what it came from as its cause."""
    with pytest.raises(MailportError) as caught:
        await sender(plain | changes).open()
    assert isinstance(caught.value.__cause__, cause)


async def test_basic_speaks_tls_1_0_and_nothing_above(plain: dict[str, Any], pki: Pki, tmp_path: Path) -> None:
    """A Basic inbox reads from a server that has nothing but TLS 1.0, and not from a modern one."""
    # CMP-05 CMP-06
    old = pki.server_context()
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1
    with FakeEws(old, tmp_path) as server:
        server.add_mailbox(plain["user_name"], plain["password"])
        async with receiver(plain, host=server.url, email_component_type="basic"):
            pass
        with pytest.raises(MailportError, match="TLS version"):
            await receiver(plain, host=server.url).open()
    with pytest.raises(MailportError, match="TLS version"):
        await receiver(plain, email_component_type="basic").open()
