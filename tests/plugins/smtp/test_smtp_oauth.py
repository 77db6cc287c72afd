"""Tokens by client credentials, from an endpoint that checks what it is given."""

import asyncio
import socket
from dataclasses import replace
from typing import Any

import pytest

from mailport.account import Account, validate
from mailport.egress import EgressPolicy
from mailport.errors import (
    AuthenticationFailed,
    ConfigurationError,
    MailportError,
    Throttled,
    TimedOut,
    TransportError,
    Unreachable,
)
from mailport.fields import Direction
from mailport.services import Services
from mailport_smtp.fields import PROTOCOLS
from mailport_smtp.oauth import access_token, forget_token
from tests.peers.pki import Pki
from tests.peers.token_endpoint import MALFORMED, SERVER_ERROR, TokenEndpoint, TokenFault, slow, throttled
from tests.peers.token_grant import Client

SMTP = PROTOCOLS[0]
SECRET = "a-secret-that-nobody-must-see"
USER = "ann@example.test"


def account(endpoint: TokenEndpoint, pki: Pki, **changes: Any) -> Account:
    """An account that takes its tokens from `endpoint`."""
    values = {
        "authentication": "xoauth2",
        "host": "127.0.0.1",
        "user_name": USER,
        "token_url": endpoint.url,
        "scope": "mail",
        "client_id": "client-1",
        "client_secret_key": SECRET,
        "ca_certificates": pki.ca_pem,
    }
    return validate(SMTP, Direction.OUTGOING, values | changes)


@pytest.fixture
def endpoint(token_endpoint: TokenEndpoint) -> TokenEndpoint:
    """A token endpoint that knows our client."""
    token_endpoint.clients["client-1"] = Client(USER, secret=SECRET)
    return token_endpoint


async def failure(account: Account, services: Services | None = None) -> MailportError:
    """The error that asking for a token ends in."""
    with pytest.raises(MailportError) as caught:
        await access_token(account, services or Services())
    return caught.value


async def test_a_secret_gets_a_token_that_is_kept(endpoint: TokenEndpoint, pki: Pki) -> None:
    """A token is asked for once and reused until it is forgotten.  # SND-06"""
    services, one = Services(), account(endpoint, pki)
    tokens = [await access_token(one, services) for _ in range(3)]
    assert len(set(tokens)) == 1
    forget_token(one, services, tokens[0])
    assert await access_token(one, services) != tokens[0]
    assert len(endpoint.requests) == 2


async def test_many_who_need_a_token_share_one_request(endpoint: TokenEndpoint, pki: Pki) -> None:
    """At most one token request is under way per credential.  # REL-07"""
    services = Services()
    await asyncio.gather(*(access_token(account(endpoint, pki), services) for _ in range(20)))
    assert len(endpoint.requests) == 1


async def test_a_certificate_stands_in_for_the_secret(endpoint: TokenEndpoint, pki: Pki) -> None:
    """With a client certificate the request is signed, and no secret is sent."""
    endpoint.clients["client-1"] = Client(USER, certificate=pki.client)
    proof = {"client_secret_key": None, "client_certificate": pki.client.read_text()}
    assert await access_token(account(endpoint, pki, **proof), Services())
    assert "client_secret" not in endpoint.requests[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client_secret_key": "wrong"}, (AuthenticationFailed, "client", "client_secret_key")),
        ({"scope": "unknown"}, (ConfigurationError, "scope", "scope")),
        ({"ca_certificates": ""}, (ConfigurationError, "token_tls_certificate_authority", "ca_certificates")),
        ({"token_url": "https://127.0.0.1:1/"}, (Unreachable, "token_connect_refused", "token_url")),
        ({"token_url": "https://nowhere.invalid/"}, (MailportError, "token_name", "token_url")),
    ],
)
async def test_a_wrong_setting_is_named(
    endpoint: TokenEndpoint, pki: Pki, changes: dict[str, Any], expected: tuple[type[MailportError], str, str]
) -> None:
    """Whatever is wrong with a setting, the error names that setting and never holds the secret."""
    endpoint.scopes = {"mail"}
    error = await failure(account(endpoint, pki, **changes))
    kind, cause, field = expected
    assert isinstance(error, kind)
    assert error.code.startswith(f"authentication.{cause}")
    assert error.field == field
    assert SECRET not in repr(error) + str(error.as_dict())


@pytest.mark.parametrize(
    ("fault", "kind", "cause"),
    [
        (throttled("120"), Throttled, "token_throttled"),
        (SERVER_ERROR, Unreachable, "token_unavailable"),
        (MALFORMED, TransportError, "token_malformed"),
        (TokenFault(200, b"[]"), TransportError, "token_malformed"),
        (TokenFault(200, b'{"access_token": "a\\r\\nb"}'), TransportError, "token_malformed"),
        (TokenFault(302, b"", {"Location": "https://127.0.0.1:1/"}), ConfigurationError, "token_url"),
        (TokenFault(404, b"<html>"), ConfigurationError, "token_url"),
    ],
)
async def test_odd_answers(endpoint: TokenEndpoint, pki: Pki, fault: TokenFault, kind: type[MailportError], cause: str) -> None:
    """A server that is busy, broken or elsewhere never leads to a demand for new credentials.  # REL-06"""
    endpoint.faults.append(fault)
    error = await failure(account(endpoint, pki))
    assert type(error) is kind
    assert error.code == f"authentication.{cause}"
    assert error.retry_after == (120.0 if kind is Throttled else None)


async def test_a_silent_endpoint_times_out(endpoint: TokenEndpoint, pki: Pki) -> None:
    """The request ends with the account's timeout.  # OUT-22"""
    endpoint.faults.append(slow(3))
    error = await failure(account(endpoint, pki, send_mail_timeout=1))
    assert isinstance(error, TimedOut)
    assert error.code == "authentication.token_timeout"


async def test_hanging_endpoints_hold_up_nobody_else(endpoint: TokenEndpoint, pki: Pki) -> None:
    """However many clients wait for an endpoint that hangs, another one gets its token meanwhile.  # PLG-03"""
    services = Services()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/token"
        accounts = [account(endpoint, pki, token_url=url, client_id=f"client-{n}") for n in range(40)]
        stuck = [asyncio.create_task(access_token(each, services)) for each in accounts]
        await asyncio.sleep(0.2)
        async with asyncio.timeout(10):
            assert await access_token(account(endpoint, pki), services)
        assert not any(task.done() for task in stuck)
    outcomes = await asyncio.gather(*stuck, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unreachable}


async def test_the_egress_policy_counts_for_the_token_url(endpoint: TokenEndpoint, pki: Pki) -> None:
    """A token URL on a private address is refused where only public ones may be reached.  # SEC-03"""
    error = await failure(account(endpoint, pki), replace(Services(), egress=EgressPolicy(public_only=True)))
    assert (error.code, error.field) == ("authentication.token_egress_refused", "token_url")
    assert endpoint.requests == []
