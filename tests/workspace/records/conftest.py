"""What the tests of records and webhooks share: a clock that stands still, and systems that are called."""

from datetime import UTC, datetime, timedelta

import pytest

from mailport.egress import EgressPolicy
from mailport_workspace.web import WebClient
from tests.conftest import peer


class Clock:
    """A clock that goes on only when it is told to: a little ahead, so that what a test writes is due at once."""

    def __init__(self):
        self.moment = datetime.now(UTC) + timedelta(seconds=30)
        self.slept = []

    def __call__(self):
        return self.moment

    async def sleep(self, seconds):
        """Wait in no time."""
        self.slept.append(seconds)
        self.advance(seconds=seconds)

    def advance(self, **by):
        self.moment += timedelta(**by)


@pytest.fixture
def clock():
    """The clock of this test."""
    return Clock()


@pytest.fixture
def policy():
    """Where calls may go: the loopback address beside the public ones."""
    return EgressPolicy(public_only=True, allowed=("127.0.0.1",))


@pytest.fixture
async def web(policy):
    """A client for calls to other systems."""
    client = WebClient(policy)
    yield client
    await client.close()


@pytest.fixture
def receiver():
    """A system that is told what happened."""
    with peer("webhook_receiver").WebhookReceiver() as running:
        yield running
