"""Tokens: one request per credential, renewed once, with a secret or a certificate, trusting what the account trusts."""

import asyncio
import threading
import time

import pytest

from mailport.egress import EgressPolicy
from mailport.errors import AuthenticationFailed, ConfigurationError, MailportError, Unreachable
from mailport.services import Services
from mailport.testing.conformance.checks import eventually
from mailport_graph.token import roles
from tests.peers.fake_graph_faults import Fault, refused
from tests.peers.pki import Pki
from tests.peers.token_endpoint import TokenFault, slow
from tests.plugins.graph.tenant import Tenant


# REL-07
async def test_one_request_per_credential(tenant: Tenant) -> None:
    """However many sessions open at once, one token request is under way, and all share its answer."""
    tenant.tokens.faults.append(slow(0.1))
    sessions = [tenant.sender() for _ in range(10)] + [tenant.sender(from_address="team@example.test")]
    await asyncio.gather(*(session.open() for session in sessions))
    await asyncio.gather(*(session.close() for session in sessions))
    assert len(tenant.tokens.requests) == 1


# SND-06
async def test_a_token_is_reused_until_it_ends(tenant: Tenant) -> None:
    """A token serves until shortly before its end, and is then fetched anew."""
    now = 0.0
    tenant.services = Services(clock=lambda: now)
    tenant.services.tokens._clock = lambda: now
    for seconds, requests in ((0.0, 1), (3000.0, 1), (3600.0, 2)):
        now = seconds
        async with tenant.sender() as sender:
            await sender.send(tenant.mail())
        assert len(tenant.tokens.requests) == requests


# SND-06
async def test_a_refused_token_is_renewed_once(tenant: Tenant) -> None:
    """After a 401 one fresh token is tried; if that is refused too, a person must act."""
    async with tenant.sender() as sender:
        tenant.fake.faults.append(Fault(refused(401, "InvalidAuthenticationToken"), "sendMail"))
        assert (await sender.send(tenant.mail())).accepted
        assert len(tenant.tokens.requests) == 2
        tenant.fake.faults.append(Fault(refused(401, "InvalidAuthenticationToken"), "sendMail", times=9))
        with pytest.raises(AuthenticationFailed) as caught:
            await sender.send(tenant.mail())
    assert caught.value.code == "authentication.token_refused"
    assert len(tenant.tokens.requests) == 3
    assert len(tenant.fake.delivered) == 1


# REL-07
async def test_many_refused_tokens_lead_to_one_renewal(tenant: Tenant) -> None:
    """When a token ends under many requests at once, one renewal serves them all."""
    async with tenant.sender() as sender:
        await sender.send(tenant.mail())
        tenant.fake.revoked.add(await sender._client.tokens.get())  # type: ignore[attr-defined]
        await asyncio.gather(*(sender.find(f"<{n}@example.test>") for n in range(12)))
    assert len(tenant.tokens.requests) == 2


async def test_claims_that_graph_asks_for_are_passed_on(tenant: Tenant) -> None:
    """Continuous Access Evaluation: the claims of a 401 go into the next token request."""
    challenge = {"WWW-Authenticate": 'Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="'}
    tenant.fake.faults.append(Fault(refused(401, "InvalidAuthenticationToken", headers=challenge), "sendMail"))
    async with tenant.sender() as sender:
        await sender.send(tenant.mail())
    assert "access_token" in tenant.tokens.requests[1]["claims"]


# PLS-02
async def test_a_certificate_signs_in(tenant: Tenant, pki: Pki) -> None:
    """A certificate with its key, in one PEM text, is as good as a secret."""
    pem = pki.client.read_text()
    async with tenant.sender(client_secret_key="", client_certificate=pem) as sender:
        assert (await sender.send(tenant.mail())).accepted
    assert "client_assertion" in tenant.tokens.requests[0]


@pytest.mark.parametrize("pem", ["good", "broken"])
async def test_a_bad_certificate_is_told(tenant: Tenant, pki: Pki, pem: str) -> None:
    """A key that is not registered is refused by the server; one that cannot be read names its field."""
    text = pki.good.read_text()
    if pem == "broken":
        text = text.replace("\n", "\nAAAA", 3)
    with pytest.raises((AuthenticationFailed, ConfigurationError)) as caught:
        await tenant.sender(client_secret_key="", client_certificate=text).open()
    assert getattr(caught.value, "field", "") == "client_certificate"
    assert getattr(caught.value, "code", "").endswith("unreadable") == (pem == "broken")


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
async def test_the_environment_changes_no_authority(
    tenant: Tenant, pki: Pki, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """The account's authorities count, for tokens and for mail, whatever the environment names."""
    monkeypatch.setenv(variable, str(pki.other_ca))
    async with tenant.sender() as sender:
        assert (await sender.send(tenant.mail())).accepted
    monkeypatch.setenv(variable, str(pki.ca))
    with pytest.raises(MailportError) as caught:
        await tenant.sender(ca_certificates=pki.other_ca.read_text(), client_id=tenant.client_id + "x").open()
    assert caught.value.code == "authentication.token_tls_certificate_authority"
    assert caught.value.field == "ca_certificates"


async def test_the_loop_goes_on_while_msal_waits(tenant: Tenant) -> None:
    """msal, its import and its requests, run in a thread of their own, which ends with them."""
    tenant.tokens.faults.append(slow(0.4))
    opening = asyncio.create_task(tenant.sender().open())
    longest, before = 0.0, time.monotonic()
    while not opening.done():
        await asyncio.sleep(0.01)
        longest, before = max(longest, time.monotonic() - before), time.monotonic()
    await opening
    assert longest < 0.3
    assert not any("mailport-graph-token" in thread.name for thread in threading.enumerate())


# PLG-03
async def test_hanging_token_servers_hold_up_nobody_else(tenant: Tenant) -> None:
    """However many credentials wait for a token server that hangs, another credential gets its token at once."""
    tenant.tokens.faults += [slow(3)] * 12
    stuck = [asyncio.create_task(tenant.sender(client_secret_key=f"other-{n}").open()) for n in range(12)]
    await eventually(lambda: not tenant.tokens.faults, 10, "twelve requests that hang")
    async with asyncio.timeout(2), tenant.sender() as sender:
        assert (await sender.send(tenant.mail())).accepted
    assert not any(task.done() for task in stuck)
    await asyncio.gather(*stuck, return_exceptions=True)


# SEC-03
async def test_token_and_mail_hosts_pass_the_egress_policy(tenant: Tenant) -> None:
    """Both hosts are checked: where loopback may not be reached, neither is connected."""
    tenant.services = Services(egress=EgressPolicy(public_only=True))
    with pytest.raises(ConfigurationError) as caught:
        await tenant.sender().open()
    assert caught.value.code == "authentication.token_egress_refused"
    assert "operator" in caught.value.remedy
    assert caught.value.__cause__ is None
    assert tenant.tokens.requests == []


# REL-06
@pytest.mark.parametrize("fault", [TokenFault(500, b"oops"), TokenFault(200, b'{"access_token": '), TokenFault(503, b"{}")])
async def test_a_broken_token_server_asks_for_no_new_credentials(tenant: Tenant, fault: TokenFault) -> None:
    """Server errors and unreadable answers are passing: nobody is asked for a new secret, and the next try works."""
    tenant.tokens.faults.append(fault)
    with pytest.raises(Unreachable):
        await tenant.sender().open()
    async with tenant.sender() as sender:
        assert (await sender.send(tenant.mail())).accepted


async def test_a_silent_token_server_is_a_timeout(tenant: Tenant) -> None:
    """A token server that stays silent longer than Send Mail Timeout ends the attempt."""
    tenant.tokens.faults.append(slow(2.5))
    with pytest.raises(TimeoutError):
        await tenant.sender(send_mail_timeout=1).open()


async def test_a_dripping_token_server_is_cut_off(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that keeps a request alive without end is cut off: the thread is free again."""
    monkeypatch.setattr("mailport_graph.token._PATIENCE", 0.2)
    tenant.tokens.faults.append(slow(0.6))
    with pytest.raises(TimeoutError) as caught:
        await tenant.sender(send_mail_timeout=2).open()
    assert getattr(caught.value, "code", "") == "authentication.token_timeout"


def test_the_roles_of_a_token_are_read() -> None:
    """The application permissions of a token are told; what is no token tells nothing."""
    assert roles("x.eyJyb2xlcyI6IFsiTWFpbC5TZW5kIl19.y") == frozenset({"Mail.Send"})
    assert roles("not a token") is None
    assert roles("a.!!!.c") is None
