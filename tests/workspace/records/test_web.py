"""Calls to other systems: where they may go, whom they trust, and how much they read."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport.egress import EgressPolicy
from mailport.errors import ConfigurationError, TimedOut, TransportError, Unreachable
from mailport_workspace.web import Answer, WebClient, url_problem
from tests.peers.ports import free_port
from tests.peers.webhook_receiver import Fault, WebhookReceiver

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Fixed(EgressPolicy):
    """A policy that knows one address for every name."""

    address: str = "127.0.0.1"

    async def resolve(self, _host, _port):
        return [self.address]


async def post(policy, url, *, context=None, timeout=5.0):
    client = WebClient(policy, context=context)
    try:
        return await client.post(url, b"{}", {"content-type": "application/json"}, timeout=timeout, limit=1000)
    finally:
        await client.close()


async def test_the_checked_address_is_used_and_tls_verifies_the_name(pki):
    """The name is looked up by the policy only; the certificate must be for it."""
    with WebhookReceiver(pki.server_context()) as receiver:
        url = f"https://mail.example.test:{receiver.port}/hook"
        answer = await post(Fixed(public_only=True), url, context=pki.client_context())
    assert answer.is_success
    assert receiver.calls[0].headers["host"] == f"mail.example.test:{receiver.port}"


@pytest.mark.parametrize("certificate", ["wrong_name", "expired", "unknown_ca"])
async def test_a_bad_certificate_is_told_and_nothing_is_posted(pki, certificate):
    """As what is wrong with it."""
    with WebhookReceiver(pki.server_context(getattr(pki, certificate))) as receiver:
        url = f"https://mail.example.test:{receiver.port}/hook"
        with pytest.raises(ConfigurationError) as caught:
            await post(Fixed(public_only=True), url, context=pki.client_context())
    assert caught.value.code.startswith("tls.certificate")
    assert receiver.calls == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "localhost"])
async def test_addresses_inside_are_refused(host):
    """Unless the operator names them."""
    with pytest.raises(ConfigurationError) as caught:
        await post(EgressPolicy(public_only=True), f"https://{host}/")
    assert (caught.value.code, caught.value.field) == ("egress.refused", "url")


async def test_failures_say_what_to_do(receiver):
    """A closed port, a connection that breaks, silence, and too long an answer."""
    policy = EgressPolicy()
    with pytest.raises(Unreachable) as caught:
        await post(policy, f"http://127.0.0.1:{free_port()}/")
    assert caught.value.code == "web.unreachable"
    for fault, kind, code in (
        (Fault(cut=True), Unreachable, "web.unreachable"),
        (Fault(delay=1.0), TimedOut, "web.timeout"),
        (Fault(200, body=b"x" * 1001), TransportError, "web.too_large"),
    ):
        receiver.faults = [fault]
        with pytest.raises(kind) as caught:
            await post(policy, receiver.url, timeout=0.3)
        assert caught.value.code == code


@given(st.text(max_size=40))
def test_whatever_retry_after_says_is_a_wait_or_nothing(said):
    """Never an error, never a negative wait."""
    wait = Answer(503, {"retry-after": said}, b"").retry_after(MOMENT)
    assert wait is None or wait >= 0


@pytest.mark.parametrize(
    ("said", "wait"),
    [("120", 120.0), (format_datetime(MOMENT + timedelta(minutes=5), usegmt=True), 300.0), ("soon", None), ("-1", None)],
)
def test_retry_after_is_seconds_or_a_date(said, wait):
    """RFC 9110 section 10.2.3."""
    assert Answer(503, {"retry-after": said}, b"").retry_after(MOMENT) == wait


@given(st.one_of(st.text(max_size=60), st.text(max_size=40).map("https://".__add__)))
def test_whatever_is_entered_is_an_address_or_a_problem(text):
    """Never an error of ours; what passes has a host and TLS."""
    problem = url_problem(text, EgressPolicy(public_only=True))
    assert problem is not None or text.startswith("https://")
