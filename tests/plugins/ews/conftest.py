"""An Exchange server with one mailbox, and settings that reach it by password and by token."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.fake_ews.contract import contracts
from tests.peers.fake_ews.server import FakeEws
from tests.peers.pki import Pki
from tests.peers.token_endpoint import TokenEndpoint
from tests.peers.token_grant import Client
from tests.peers.tokens import TokenIssuer

USER = "inbox@example.org"
CLIENT = "6f1d1c1e-7f0a-4d4b-9d53-1f2e3d4c5b6a"


@pytest.fixture
def ews(pki: Pki, token_issuer: TokenIssuer, tmp_path: Path) -> Iterator[FakeEws]:
    """A fresh server; the test fails if the schemas have something against a request or an answer."""
    contracts()
    with FakeEws(pki.server_context(), tmp_path, token_issuer) as server:
        server.add_mailbox(USER, secrets.token_urlsafe(16))
        yield server
    assert server.violations == []


@pytest.fixture
def plain(ews: FakeEws, pki: Pki) -> dict[str, Any]:
    """Settings that sign in with the password."""
    return {
        "protocol": "ews",
        "authentication": "plain",
        "host": ews.url,
        "user_name": USER,
        "password": ews.users.passwords[USER],
        "ca_certificates": pki.ca_pem,
    }


@pytest.fixture
def tokens(pki: Pki, token_issuer: TokenIssuer) -> Iterator[TokenEndpoint]:
    """A token server that knows one application by its secret and another by its certificate."""
    with TokenEndpoint(token_issuer, pki.server_context()) as endpoint:
        endpoint.clients[CLIENT] = Client(USER, secret=secrets.token_urlsafe(24))
        endpoint.clients["by-certificate"] = Client(USER, certificate=pki.client)
        yield endpoint


@pytest.fixture
def oauth(ews: FakeEws, pki: Pki, tokens: TokenEndpoint) -> dict[str, Any]:
    """Settings that sign in with a token."""
    login_url, _, tenant = tokens.tenant.rpartition("/")
    return {
        "protocol": "ews",
        "authentication": "auth_login",
        "host": ews.url,
        "user_name": USER,
        "client_login_url": login_url,
        "client_tenant_id": tenant,
        "client_id": CLIENT,
        "client_secret_key": tokens.clients[CLIENT].secret,
        "ca_certificates": pki.ca_pem,
    }
