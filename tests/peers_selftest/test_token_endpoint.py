"""The token endpoint checks who asks, issues tokens that Dovecot accepts, and fails on demand."""

import base64
import imaplib
import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki
from tests.peers.token_endpoint import MALFORMED, SERVER_ERROR, TokenEndpoint, TokenFault, slow, throttled
from tests.peers.token_grant import Client
from tests.peers_selftest.bearer import xoauth2

FORM = {"grant_type": "client_credentials", "scope": "mail"}


def request(pki: Pki, endpoint: TokenEndpoint, form: dict[str, str], **headers: str) -> dict[str, Any]:
    """Post `form`; the answer, whatever its status."""
    body = urllib.parse.urlencode(form).encode()
    asked = urllib.request.Request(endpoint.url, body, headers)
    try:
        with urllib.request.urlopen(asked, context=pki.client_context()) as reply:
            answer: dict[str, Any] = json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            answer = json.load(error)
    return answer


@pytest.fixture
def secret(token_endpoint: TokenEndpoint, mailbox: Mailbox) -> str:
    """The secret of the client `app`, whose tokens open `mailbox`."""
    secret = secrets.token_urlsafe(8) + ":+ü"
    token_endpoint.clients["app"] = Client(mailbox.address, secret=secret)
    return secret


def test_the_token_opens_the_mailbox(pki: Pki, token_endpoint: TokenEndpoint, mailbox: Mailbox, secret: str) -> None:
    """What the endpoint issues for a client signs in as the user that the client stands for."""
    token = request(pki, token_endpoint, FORM | {"client_id": "app", "client_secret": secret})["access_token"]
    with imaplib.IMAP4_SSL(mailbox.server.host, mailbox.server.imaps, ssl_context=pki.client_context()) as client:
        client.authenticate("XOAUTH2", lambda _: base64.b64decode(xoauth2(mailbox.address, token)))
        assert client.state == "AUTH"


def test_a_secret_may_come_in_the_header(pki: Pki, token_endpoint: TokenEndpoint, secret: str) -> None:
    """client_secret_basic encodes both parts as form values first (RFC 6749, section 2.3.1)."""
    basic = base64.b64encode(f"app:{urllib.parse.quote_plus(secret)}".encode()).decode()
    assert request(pki, token_endpoint, FORM, Authorization=f"Basic {basic}")["token_type"] == "Bearer"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "unknown"}, "invalid_client"),
        ({"scope": "calendar"}, "invalid_scope"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_bad_requests_are_refused(
    pki: Pki, token_endpoint: TokenEndpoint, secret: str, change: dict[str, str], error: str
) -> None:
    """Each mistake gets the error of RFC 6749."""
    token_endpoint.scopes = {"mail"}
    assert request(pki, token_endpoint, FORM | {"client_id": "app", "client_secret": secret} | change)["error"] == error
    assert len(token_endpoint.requests) == 1


def assertion(endpoint: TokenEndpoint, key: Path, **changes: object) -> dict[str, str]:
    """A request that proves the client `app` by a signature with `key` (private_key_jwt)."""
    claims = {"iss": "app", "sub": "app", "aud": endpoint.url, "exp": time.time() + 60, "jti": secrets.token_hex()}
    signer = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(signer, RSAPrivateKey)
    return FORM | {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(claims | changes, signer, algorithm="RS256"),
    }


def test_a_certificate_proves_the_client(pki: Pki, token_endpoint: TokenEndpoint) -> None:
    """An assertion signed with the registered key is worth a secret."""
    token_endpoint.clients["app"] = Client("user@example.test", certificate=pki.client)
    assert "access_token" in request(pki, token_endpoint, assertion(token_endpoint, pki.client))


@pytest.mark.parametrize("changes", [{"aud": "https://elsewhere.example.test"}, {"exp": 1}, {"sub": "other"}])
def test_bad_assertions_are_refused(pki: Pki, token_endpoint: TokenEndpoint, changes: dict[str, object]) -> None:
    """Audience, expiry and subject are verified."""
    token_endpoint.clients["app"] = Client("user@example.test", certificate=pki.client)
    form = assertion(token_endpoint, pki.client, **changes)
    assert request(pki, token_endpoint, form)["error"] == "invalid_client"


def test_an_assertion_of_another_key_is_refused(pki: Pki, token_endpoint: TokenEndpoint) -> None:
    """Whoever does not hold the registered key gets nothing."""
    token_endpoint.clients["app"] = Client("user@example.test", certificate=pki.client)
    assert request(pki, token_endpoint, assertion(token_endpoint, pki.good))["error"] == "invalid_client"


@pytest.mark.parametrize(("fault", "status"), [(SERVER_ERROR, 500), (throttled("7"), 429)])
def test_faults_answer_one_request(
    pki: Pki, token_endpoint: TokenEndpoint, secret: str, fault: TokenFault, status: int
) -> None:
    """A fault is used up by the request it answers."""
    token_endpoint.faults = [fault]
    form = FORM | {"client_id": "app", "client_secret": secret}
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(token_endpoint.url, urllib.parse.urlencode(form).encode(), context=pki.client_context())
    with caught.value:
        assert (caught.value.code, caught.value.headers["Retry-After"]) == (status, "7" if status == 429 else None)
    assert "access_token" in request(pki, token_endpoint, form)


def test_an_answer_can_be_malformed_or_late(pki: Pki, token_endpoint: TokenEndpoint, secret: str) -> None:
    """Broken JSON comes with status 200; a slow answer is the right one."""
    token_endpoint.faults = [MALFORMED, slow(0.2)]
    form = FORM | {"client_id": "app", "client_secret": secret}
    with pytest.raises(json.JSONDecodeError):
        request(pki, token_endpoint, form)
    started = time.monotonic()
    assert "access_token" in request(pki, token_endpoint, form)
    assert time.monotonic() - started >= 0.2


def test_discovery_names_the_endpoint(pki: Pki, token_endpoint: TokenEndpoint) -> None:
    """OpenID discovery, which MSAL asks for, lies below the tenant."""
    url = f"{token_endpoint.tenant}/v2.0/.well-known/openid-configuration"
    with urllib.request.urlopen(url, context=pki.client_context()) as reply:
        assert json.load(reply)["token_endpoint"] == token_endpoint.url
