"""A fake Graph with its token endpoint, an app that may use one mailbox, and accounts for it."""

import secrets
from collections.abc import Iterator

import pytest

from tests.peers.fake_graph import FakeGraph
from tests.peers.pki import Pki
from tests.peers.token_endpoint import TokenEndpoint
from tests.peers.token_grant import Client
from tests.peers.tokens import TokenIssuer
from tests.plugins.graph.tenant import Tenant


@pytest.fixture
def fake(pki: Pki, token_issuer: TokenIssuer) -> Iterator[FakeGraph]:
    """The service; a request or an answer that breaks the vendor's contract fails the test."""
    with FakeGraph(token_issuer, pki.server_context()) as service:
        yield service
    assert service.violations == []


@pytest.fixture
def tenant(pki: Pki, fake: FakeGraph, token_endpoint: TokenEndpoint) -> Tenant:
    """A tenant with an app and the mailbox of an agent."""
    made = Tenant(fake, token_endpoint, pki, secrets.token_urlsafe(24))
    token_endpoint.clients[made.client_id] = Client(made.address, made.secret, pki.client)
    fake.mailbox(made.address)
    return made
