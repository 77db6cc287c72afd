"""The conformance kit over our own Gmail."""

import asyncio
from contextlib import AbstractContextManager
from typing import Any

import pytest

import mailport_google.plugin
from mailport.fields import Direction
from mailport.services import Services
from mailport.testing.conformance import (
    Declared,
    Feature,
    FieldsConformance,
    Harness,
    ProbeConformance,
    ReceiverConformance,
    ReceiverHarness,
    SenderConformance,
    SenderHarness,
    Stored,
)
from mailport_google.fields import PROTOCOL
from tests.peers.fake_gmail import Fault, refusal
from tests.plugins.google.conftest import Google

COMMON = {
    Feature.CREDENTIALS,
    Feature.CONNECTIONS,
    Feature.SIGN_INS,
    Feature.SILENCE,
    Feature.THROTTLING,
}


class GoogleHarness(Harness):
    """What both directions have."""

    protocol = PROTOCOL
    plugin = mailport_google.plugin
    supports = frozenset(COMMON)

    def __init__(self, google: Google) -> None:
        self.google = google
        self.services = Services()

    def values(self, direction: Direction) -> dict[str, Any]:
        if direction is Direction.INCOMING:
            return self.google.values(email_component_type="advanced")
        return self.google.values(read_sent_mail=True)

    async def snapshot(self) -> object:
        box = self.google.mailbox
        return {key: set(stored.labels) for key, stored in box.messages.items()}, len(box.history)

    def wrong_credentials(self, direction: Direction) -> dict[str, Any]:
        return {"private_key": self.google.other_key}

    @property
    def connections(self) -> int:
        return self.google.gmail.connections

    @property
    def open_connections(self) -> int:
        return self.google.gmail.open_connections + self.google.tokens.open_connections

    @property
    def failed_sign_ins(self) -> int:
        return self.google.tokens.refused

    def silence(self) -> None:
        self.google.gmail.is_silent = self.google.tokens.is_silent = True

    def throttle(self) -> float | None:
        headers = {"Retry-After": "37"}
        self.google.gmail.faults.append(
            refusal(429, "userRateLimitExceeded", "User-rate limit exceeded.", times=None, headers=headers)
        )
        return 37.0


class GoogleSenderHarness(GoogleHarness, SenderHarness):
    """Sending. Cut handshakes stand for a connection that breaks before the last byte: nothing else is certain with HTTP."""

    supports = frozenset(
        COMMON
        | {
            Feature.UNCHANGED_SENT,
            Feature.RECIPIENTS,
            Feature.REFUSED_MESSAGES,
            Feature.CUT_BEFORE_HANDOVER,
            Feature.CUT_AFTER_HANDOVER,
            Feature.HELD_BODIES,
            Feature.HELD_ANSWERS,
        }
    )

    async def arrived(self, address: str, count: int = 1) -> list[bytes]:
        for _ in range(200):
            if len(self.google.gmail.outside[address]) >= count:
                break
            await asyncio.sleep(0.01)
        return list(self.google.gmail.outside[address])

    def refuse_messages(self) -> None:
        self.google.gmail.faults.append(refusal(400, "invalidArgument", "Invalid To header", where="send", times=None))

    def cut_before_handover(self) -> None:
        self.google.gmail.cuts_handshakes = True

    def cut_after_handover(self) -> None:
        self.google.gmail.faults.append(Fault(where="send", cut="after"))

    def heal(self) -> None:
        self.google.gmail.cuts_handshakes = False
        self.google.gmail.faults.clear()

    def holding_bodies(self) -> AbstractContextManager[None]:
        return self.google.gmail.holding_handshakes()

    def holding_answers(self) -> AbstractContextManager[None]:
        return self.google.gmail.holding_answers()

    @property
    def under_way(self) -> int:
        return self.google.gmail.under_way


class GoogleReceiverHarness(GoogleHarness, ReceiverHarness):
    """Receiving."""

    supports = frozenset(
        COMMON
        | {
            Feature.UNCHANGED_READ,
            Feature.CURSOR_PER_DELIVERY,
            Feature.FORGOTTEN_CURSORS,
            Feature.NEW_KEYS,
            Feature.REMOVAL,
        }
    )

    async def deliver(self, raw: bytes) -> None:
        self.google.mailbox.add(raw, "INBOX", "UNREAD")

    async def stored(self, folder: str | None = None) -> list[Stored]:
        box = self.google.mailbox
        label = box.label_id(folder or "INBOX")
        found = box.listed([label], hidden=False) if label else []
        return [Stored(stored.raw, seen="UNREAD" not in stored.labels) for stored in found]

    async def remove_all(self) -> None:
        for key in list(self.google.mailbox.messages):
            self.google.mailbox.remove(key)

    def forget_cursors(self) -> None:
        self.google.mailbox.forget_history()


# PLG-01
class TestFields(FieldsConformance):
    @pytest.fixture
    def declared(self, google: Google) -> Declared:
        values = google.values()
        return Declared(
            module="mailport_google.plugin",
            libraries=("google", "google.auth", "googleapiclient", "httplib2", "cryptography", "requests"),
            samples=(
                ("google", Direction.OUTGOING, values),
                ("google", Direction.INCOMING, values | {"email_component_type": "advanced"}),
            ),
        )


# PLG-02
class TestSender(SenderConformance):
    @pytest.fixture
    def harness(self, google: Google) -> GoogleSenderHarness:
        return GoogleSenderHarness(google)


# PLG-02
class TestReceiver(ReceiverConformance):
    @pytest.fixture
    def harness(self, google: Google) -> GoogleReceiverHarness:
        return GoogleReceiverHarness(google)


# PLG-02
class TestProbe(ProbeConformance):
    @pytest.fixture
    def harness(self, google: Google) -> GoogleHarness:
        return GoogleHarness(google)
