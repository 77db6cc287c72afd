"""The conformance cases of a receiver, for IMAP: against Dovecot, and against a scripted server for what Dovecot never does."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

import mailport_smtp.plugin
from mailport.fields import Direction
from mailport.testing.conformance import Feature, ProbeConformance, ReceiverConformance, ReceiverHarness, Stored
from tests.peers.faults import SILENCE
from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki
from tests.peers.scripted_imap import ScriptedImap
from tests.plugins.smtp.counted import Counted
from tests.plugins.smtp.receiving import ADVANCED, FIELDS, PASSWORD, USER

WRONG = "heron-violet-17"
VERBS = ("NOOP", "SELECT", "LIST", "UID SEARCH", "UID FETCH", "LOGOUT", "GREETING")


class DovecotHarness(ReceiverHarness):
    """A user of Dovecot."""

    protocol = FIELDS["imap"]
    plugin = mailport_smtp.plugin
    supports = frozenset(
        {
            Feature.CREDENTIALS,
            Feature.UNCHANGED_READ,
            Feature.CURSOR_PER_DELIVERY,
            Feature.FORGOTTEN_CURSORS,
            Feature.NEW_KEYS,
            Feature.REMOVAL,
        }
    )

    def __init__(self, mailbox: Mailbox, ca: str) -> None:
        self.mailbox = mailbox
        self.maildir = mailbox.server.mail_root / mailbox.address / "Maildir"
        self.ca = ca

    def values(self, direction: Direction) -> dict[str, Any]:
        box = self.mailbox
        server = {"host": "localhost", "port": box.server.imap, "ca_certificates": self.ca}
        return {**server, "user_name": box.address, "password": box.password, **ADVANCED}

    def wrong_credentials(self, direction: Direction) -> dict[str, Any]:
        return {"password": WRONG}

    async def deliver(self, raw: bytes) -> None:
        self.mailbox.deliver(raw)

    async def stored(self, folder: str | None = None) -> list[Stored]:
        place = self.maildir / f".{folder}" if folder else self.maildir
        seen = {path.read_bytes(): "S" in path.name.partition(":2,")[2] for path in place.glob("[cn]*/*")}
        return [Stored(raw, seen[raw]) for raw in self.mailbox.messages(folder or "INBOX")]

    async def remove_all(self) -> None:
        for path in self.maildir.glob("[cn]*/*"):
            path.unlink()

    def forget_cursors(self) -> None:
        for path in self.maildir.glob("dovecot.index*"):
            path.unlink()
        uids = self.maildir / "dovecot-uidlist"
        uids.write_text(re.sub(r"\bV(\d+)", lambda found: f"V{int(found[1]) + 1}", uids.read_text(), count=1))


class ScriptedHarness(Counted, ReceiverHarness):
    """A user of a scripted server, which counts and can fall silent."""

    protocol = FIELDS["imap"]
    plugin = mailport_smtp.plugin
    password = PASSWORD
    supports = DovecotHarness.supports | {Feature.CONNECTIONS, Feature.SIGN_INS, Feature.SILENCE}

    def __init__(self, server: ScriptedImap) -> None:
        self.server = server

    def values(self, direction: Direction) -> dict[str, Any]:
        server = {"host": self.server.host, "port": self.server.port, "use_ssl_tls": "none"}
        return {**server, "user_name": USER, "password": PASSWORD, **ADVANCED}

    def wrong_credentials(self, direction: Direction) -> dict[str, Any]:
        return {"password": WRONG}

    async def deliver(self, raw: bytes) -> None:
        self.server.inbox.add(raw)

    async def stored(self, folder: str | None = None) -> list[Stored]:
        found = self.server.folders.get(folder or "INBOX")
        return [Stored(mail.content, "\\Seen" in mail.flags) for mail in found.mails] if found else []

    async def remove_all(self) -> None:
        self.server.inbox.mails.clear()

    def forget_cursors(self) -> None:
        self.server.inbox.uidvalidity += 1

    def silence(self) -> None:
        self.server.overrides.update(dict.fromkeys(VERBS, SILENCE))


class OnDovecot:
    @pytest.fixture
    def harness(self, mailbox: Mailbox, pki: Pki) -> DovecotHarness:
        return DovecotHarness(mailbox, pki.ca_pem)


class OnScript:
    @pytest.fixture
    def harness(self) -> Iterator[ScriptedHarness]:
        with ScriptedImap(users={USER: PASSWORD}) as server:
            yield ScriptedHarness(server)


class TestReceiverOnDovecot(OnDovecot, ReceiverConformance):  # PLG-02
    """Receiving from Dovecot with STARTTLS."""


class TestProbeOnDovecot(OnDovecot, ProbeConformance):  # PLG-02
    """Test Connection against Dovecot with STARTTLS."""


class TestReceiverOnScript(OnScript, ReceiverConformance):  # PLG-02
    """Receiving from a scripted server without TLS."""


class TestProbeOnScript(OnScript, ProbeConformance):  # PLG-02
    """Test Connection against a scripted server without TLS."""
