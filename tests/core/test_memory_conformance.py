"""The kit's cases over the kit's own protocol: what it demands can be met."""

import pytest

from mailport.fields import Capabilities, Direction, ProtocolFields
from mailport.testing.conformance import (
    Declared,
    FieldsConformance,
    ProbeConformance,
    ReceiverConformance,
    SenderConformance,
)
from mailport.testing.memory.fields import protocol
from mailport.testing.memory.harness import MemoryHarness


class DeclaredMemory(Declared):
    """The memory protocol is declared by an object; a plugin's module needs no such class."""

    @property
    def protocols(self) -> tuple[ProtocolFields, ...]:
        return (protocol(),)


class TestSender(SenderConformance):  # PLG-02
    @pytest.fixture(params=["everything", "nothing"])
    def harness(self, request: pytest.FixtureRequest) -> MemoryHarness:
        return MemoryHarness() if request.param == "everything" else MemoryHarness(Capabilities(local=True))


class TestReceiver(ReceiverConformance):  # PLG-02
    @pytest.fixture(params=["everything", "nothing"])
    def harness(self, request: pytest.FixtureRequest) -> MemoryHarness:
        return MemoryHarness() if request.param == "everything" else MemoryHarness(Capabilities(local=True))


class TestProbe(ProbeConformance):  # PLG-02
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness()


class TestFields(FieldsConformance):  # PLG-01
    @pytest.fixture
    def declared(self) -> Declared:
        sample = {"user_name": "ann@example.test", "password": "kestrel-amber-42"}
        return DeclaredMemory(
            module="mailport.testing.memory",
            libraries=("aiosmtplib", "imapclient", "pytest"),
            samples=(
                ("memory", Direction.OUTGOING, sample),
                ("memory", Direction.INCOMING, sample | {"folder": "INBOX"}),
            ),
        )
