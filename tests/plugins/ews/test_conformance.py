"""The conformance kit, unchanged, over a server of our own: with a password and with a token."""

from collections.abc import Callable
from typing import Any

import pytest

from mailport.fields import Direction
from mailport.testing.conformance import (
    Declared,
    FieldsConformance,
    ProbeConformance,
    ReceiverConformance,
    SenderConformance,
)
from tests.peers.fake_ews.server import FakeEws
from tests.plugins.ews.harness import EwsHarness, EwsReceiverHarness, EwsSenderHarness

Make = Callable[[type[EwsHarness]], Any]


@pytest.fixture(params=["plain", "oauth"])
def make(request: pytest.FixtureRequest, ews: FakeEws) -> Make:
    """Makes a harness that signs in with a password, or with a token."""
    settings = request.getfixturevalue(request.param)
    wrong = {"password": "heron-violet-17"} if request.param == "plain" else {"client_secret_key": "heron-violet-17"}

    def made(kind: type[EwsHarness]) -> EwsHarness:
        harness = kind(ews, settings, wrong)
        if request.param == "oauth":
            harness.token_requests = request.getfixturevalue("tokens").requests
        return harness

    return made


# PLG-02
class TestSender(SenderConformance):
    """The sender."""

    @pytest.fixture
    def harness(self, make: Make) -> Any:
        return make(EwsSenderHarness)


# PLG-02
class TestReceiver(ReceiverConformance):
    """The receiver."""

    @pytest.fixture
    def harness(self, make: Make) -> Any:
        return make(EwsReceiverHarness)


# PLG-02
class TestProbe(ProbeConformance):
    """Test Connection."""

    @pytest.fixture
    def harness(self, make: Make) -> Any:
        return make(EwsSenderHarness)


# PLG-01 PLG-02 VER-01
class TestFields(FieldsConformance):
    """What the plugin declares; settings of earlier releases load."""

    @pytest.fixture
    def declared(self) -> Declared:
        samples = tuple(("ews", direction, values) for direction in Direction for values in (PLAIN, AUTH_LOGIN))
        return Declared(
            module="mailport_ews.plugin",
            libraries=("exchangelib", "msal", "requests", "requests_ntlm", "lxml"),
            samples=samples,
            old=samples,
        )


PLAIN = {
    "authentication": "plain",
    "host": "https://mail.example.org/EWS/Exchange.asmx",
    "user_name": "name@example.org",
    "password": "sample",
    "email_component_type": "advanced",
}
AUTH_LOGIN = {
    "authentication": "auth_login",
    "host": "https://mail.example.org/EWS/Exchange.asmx",
    "user_name": "name@example.org",
    "client_tenant_id": "example.org",
    "client_id": "6f1d1c1e-7f0a-4d4b-9d53-1f2e3d4c5b6a",
    "client_secret_key": "sample",
    "email_component_type": "advanced",
}
