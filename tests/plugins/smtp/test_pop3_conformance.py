"""The conformance cases of a receiver, for POP3: against Dovecot, and against a scripted server for what Dovecot never does."""

from collections.abc import Iterator
from typing import Any

import pytest

import mailport_smtp.plugin
from mailport.fields import Direction
from mailport.testing.conformance import Feature, ProbeConformance, ReceiverConformance, ReceiverHarness, Stored
from tests.peers.faults import SILENCE
from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki
from tests.peers.scripted_pop3 import Pop3Mail, ScriptedPop3
from tests.plugins.smtp.counted import Counted
from tests.plugins.smtp.receiving import ADVANCED, FIELDS, PASSWORD, USER

WRONG = "heron-violet-17"
VERBS = ("GREETING", "CAPA", "LIST", "UIDL", "RETR", "QUIT")


class DovecotHarness(ReceiverHarness):
    """A user of Dovecot."""

    protocol = FIELDS["pop3"]
    plugin = mailport_smtp.plugin
    supports = frozenset({Feature.CREDENTIALS, Feature.UNCHANGED_READ})

    def __init__(self, mailbox: Mailbox, ca: str) -> None:
        self.mailbox = mailbox
        self.ca = ca

    def values(self, direction: Direction) -> dict[str, Any]:
        box = self.mailbox
        server = {"host": "localhost", "port": box.server.pop3, "ca_certificates": self.ca}
        return {**server, "user_name": box.address, "password": box.password, **ADVANCED}

    def wrong_credentials(self, direction: Direction) -> dict[str, Any]:
        return {"password": WRONG}

    async def deliver(self, raw: bytes) -> None:
        self.mailbox.deliver(raw)

    async def stored(self, folder: str | None = None) -> list[Stored]:
        return [Stored(raw) for raw in self.mailbox.messages(folder or "INBOX")]


class ScriptedHarness(Counted, ReceiverHarness):
    """A user of a scripted server, which counts and can fall silent."""

    protocol = FIELDS["pop3"]
    plugin = mailport_smtp.plugin
    password = PASSWORD
    supports = DovecotHarness.supports | {Feature.CONNECTIONS, Feature.SIGN_INS, Feature.SILENCE}

    def __init__(self, server: ScriptedPop3) -> None:
        self.server = server
        self._delivered = 0

    def values(self, direction: Direction) -> dict[str, Any]:
        server = {"host": self.server.host, "port": self.server.port, "use_ssl_tls": "none"}
        return {**server, "user_name": USER, "password": PASSWORD, **ADVANCED}

    def wrong_credentials(self, direction: Direction) -> dict[str, Any]:
        return {"password": WRONG}

    async def deliver(self, raw: bytes) -> None:
        self._delivered += 1
        self.server.maildrop.append(Pop3Mail(f"uidl-{self._delivered}", raw))

    async def stored(self, folder: str | None = None) -> list[Stored]:
        return [] if folder else [Stored(mail.content) for mail in self.server.maildrop]

    def silence(self) -> None:
        self.server.overrides.update(dict.fromkeys(VERBS, SILENCE))


class OnDovecot:
    @pytest.fixture
    def harness(self, mailbox: Mailbox, pki: Pki) -> DovecotHarness:
        return DovecotHarness(mailbox, pki.ca_pem)


class OnScript:
    @pytest.fixture
    def harness(self) -> Iterator[ScriptedHarness]:
        with ScriptedPop3(users={USER: PASSWORD}) as server:
            yield ScriptedHarness(server)


class TestReceiverOnDovecot(OnDovecot, ReceiverConformance):  # PLG-02
    """Receiving from Dovecot with STLS."""


class TestProbeOnDovecot(OnDovecot, ProbeConformance):  # PLG-02
    """Test Connection against Dovecot with STLS."""


class TestReceiverOnScript(OnScript, ReceiverConformance):  # PLG-02
    """Receiving from a scripted server without TLS."""


class TestProbeOnScript(OnScript, ProbeConformance):  # PLG-02
    """Test Connection against a scripted server without TLS."""
