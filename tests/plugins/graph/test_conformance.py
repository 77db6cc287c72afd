"""The conformance cases, over the fake Graph."""

from contextlib import AbstractContextManager
from typing import Any

import pytest

import mailport_graph.plugin
from mailport.fields import Direction
from mailport.testing.conformance import (
    Declared,
    Feature,
    FieldsConformance,
    ProbeConformance,
    ReceiverConformance,
    ReceiverHarness,
    SenderConformance,
    SenderHarness,
    Stored,
)
from tests.peers.fake_graph_faults import Fault, lose, refused, throttled
from tests.plugins.graph.tenant import FIELDS, Tenant

ALWAYS = 1_000_000
WRONG = "heron-violet-17"


class GraphHarness(SenderHarness, ReceiverHarness):
    """The agent's mailbox at the fake."""

    protocol = FIELDS
    plugin = mailport_graph.plugin
    supports = frozenset(Feature) - {
        Feature.ENVELOPE,  # Graph has none
        Feature.RECIPIENT_VERDICTS,  # Exchange takes all or none, and tells the rest by mail
    }

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.fake = tenant.fake
        self.services = tenant.services
        self.before = len(tenant.tokens.requests)

    def values(self, direction: Direction) -> dict[str, Any]:
        advanced = {"email_component_type": "advanced"} if direction is Direction.INCOMING else {}
        return self.tenant.values() | advanced

    def wrong_credentials(self, direction: Direction) -> dict[str, Any]:
        return {"client_secret_key": WRONG}

    @property
    def connections(self) -> int:
        return self.fake.http.connections

    @property
    def open_connections(self) -> int:
        return len(self.fake.http.open)

    @property
    def failed_sign_ins(self) -> int:
        return sum(form.get("client_secret") == WRONG for form in self.tenant.tokens.requests)

    def silence(self) -> None:
        self.fake.silent = True

    def throttle(self) -> float | None:
        self.fake.faults.append(Fault(throttled("17"), times=ALWAYS))
        return 17

    async def arrived(self, address: str, count: int = 1) -> list[bytes]:
        return [mail.raw for mail in self.fake.delivered if address in mail.recipients]

    def refuse_messages(self) -> None:
        self.fake.faults.append(Fault(refused(400, "ErrorMessageSizeExceeded"), "sendMail", ALWAYS))

    def cut_before_handover(self) -> None:
        self.fake.http.drop_handshakes = True
        self.fake.cut_connections()

    def cut_after_handover(self) -> None:
        self.fake.faults.append(Fault(lose, "sendMail", ALWAYS))

    def heal(self) -> None:
        self.fake.http.drop_handshakes = False
        self.fake.faults.clear()

    def holding_bodies(self) -> AbstractContextManager[None]:
        return self.fake.holding(self.fake.http.hold_handshakes)

    def holding_answers(self) -> AbstractContextManager[None]:
        return self.fake.holding(self.fake.answering)

    @property
    def under_way(self) -> int:
        return self.fake.under_way + self.fake.http.waiting

    async def deliver(self, raw: bytes) -> None:
        self.tenant.mailbox.add("F-inbox", raw=raw)

    async def stored(self, folder: str | None = None) -> list[Stored]:
        key = self.tenant.mailbox.named(folder) if folder else "F-inbox"
        return [Stored(item.raw, item.seen) for item in self.tenant.mailbox.inside(key or "")]

    async def snapshot(self) -> object:
        items = self.tenant.mailbox.items.values()
        return (
            [(item.id, item.folder, item.seen) for item in items],
            dict(self.tenant.mailbox.folders),
            len(self.fake.delivered),
        )

    async def remove_all(self) -> None:
        self.tenant.mailbox.items.clear()

    def forget_cursors(self) -> None:
        self.tenant.mailbox.tokens.clear()


@pytest.fixture
def harness(tenant: Tenant) -> GraphHarness:
    return GraphHarness(tenant)


# PLG-02
class TestSender(SenderConformance):
    """The cases of a sender."""


# PLG-02
class TestReceiver(ReceiverConformance):
    """The cases of a receiver."""


# PLG-02
class TestProbe(ProbeConformance):
    """The cases of a probe."""


# PLG-01
class TestFields(FieldsConformance):
    """What the plugin declares."""

    @pytest.fixture
    def declared(self) -> Declared:
        secret = {
            "client_tenant_id": "contoso.example.test",
            "client_id": "4c1f0d5e-8a6b-4a52-9d0e-1f2a3b4c5d6e",
            "client_secret_key": "not-a-real-secret",
            "user_name": "agent@example.test",
        }
        advanced = secret | {"email_component_type": "advanced"}
        return Declared(
            module="mailport_graph.plugin",
            libraries=("msal", "httpx2", "httpcore2", "requests", "h11"),
            samples=(("graph", Direction.OUTGOING, secret), ("graph", Direction.INCOMING, advanced)),
        )
