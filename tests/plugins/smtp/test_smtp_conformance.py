"""The conformance cases of a sender and a probe, for SMTP: against Postfix, and against a scripted server that misbehaves."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import mailport_smtp.plugin
from mailport.fields import Direction
from mailport.testing.conformance import Feature, ProbeConformance, SenderConformance, SenderHarness
from tests.peers.dialogue import Dialogue, Step
from tests.peers.faults import DISCONNECT, SILENCE
from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki
from tests.peers.postfix import Postfix
from tests.peers.scripted_smtp import EXTENSIONS, ScriptedSmtp
from tests.plugins.smtp.counted import Counted
from tests.plugins.smtp.outgoing import PASSWORD, SMTP, USER

WRONG = "heron-violet-17"
VERBS = ("GREETING", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "RSET", "QUIT")


class PostfixHarness(SenderHarness):
    """A user of Postfix whose mail comes to Dovecot."""

    protocol = SMTP
    plugin = mailport_smtp.plugin
    supports = frozenset({Feature.CREDENTIALS, Feature.UNCHANGED_SENT, Feature.ENVELOPE, Feature.RECIPIENTS})

    def __init__(self, postfix: Postfix, mailbox: Mailbox, ca: str) -> None:
        self.postfix = postfix
        self.mailbox = mailbox
        self.ca = ca
        self.tag = mailbox.address.partition("@")[0]

    def values(self, direction: Direction) -> dict[str, Any]:
        box = self.mailbox
        server = {"host": "localhost", "port": self.postfix.submission, "ca_certificates": self.ca}
        return {**server, "user_name": box.address, "password": box.password}

    def wrong_credentials(self, direction: Direction) -> dict[str, Any]:
        return {"password": WRONG}

    def recipient(self, name: str) -> str:
        return f"{name}.{self.tag}@example.test"

    async def arrived(self, address: str, count: int = 1) -> list[bytes]:
        box = Mailbox(self.mailbox.server, address, "")
        try:
            return await asyncio.to_thread(box.wait_for_messages, count)
        except TimeoutError:
            return box.messages()

    async def snapshot(self) -> object:
        return sorted(str(path) for path in self.mailbox.server.mail_root.glob(f"*{self.tag}@*/Maildir/new/*"))


class ScriptedHarness(Counted, SenderHarness):
    """A user of a scripted server, which counts, hesitates and fails."""

    protocol = SMTP
    plugin = mailport_smtp.plugin
    password = PASSWORD
    supports = PostfixHarness.supports | {
        Feature.RECIPIENT_VERDICTS,
        Feature.REFUSED_MESSAGES,
        Feature.CONNECTIONS,
        Feature.SIGN_INS,
        Feature.SILENCE,
        Feature.THROTTLING,
        Feature.CUT_BEFORE_HANDOVER,
        Feature.CUT_AFTER_HANDOVER,
        Feature.HELD_BODIES,
        Feature.HELD_ANSWERS,
    }

    def __init__(self, server: ScriptedSmtp) -> None:
        self.server = server
        self.verdicts: dict[str, str] = {}
        server.recipients = self.verdicts
        self.holding = ""
        self.begun = self.ended = 0
        self.heal()

    def values(self, direction: Direction) -> dict[str, Any]:
        server = {"host": self.server.host, "port": self.server.port, "use_ssl_tls": "none"}
        return {**server, "user_name": USER, "password": PASSWORD}

    def wrong_credentials(self, direction: Direction) -> dict[str, Any]:
        return {"password": WRONG}

    async def arrived(self, address: str, count: int = 1) -> list[bytes]:
        return [message.content for message in self.server.messages if address in message.recipients]

    async def snapshot(self) -> object:
        return len(self.server.messages)

    def heal(self) -> None:
        self.server.overrides.clear()
        self.server.overrides |= {"MAIL": self._mail, "DATA": self._data, "BODY": self._body}

    async def _mail(self, _: Dialogue, normal: Step) -> None:
        self.begun += 1
        await normal()

    async def _data(self, _: Dialogue, normal: Step) -> None:
        await self._hold("DATA")
        await normal()

    async def _body(self, _: Dialogue, normal: Step) -> None:
        await self._hold("BODY")
        await normal()
        self.ended += 1

    async def _hold(self, verb: str) -> None:
        while self.holding == verb:  # noqa: ASYNC110 - it is set in another thread
            await asyncio.sleep(0.005)

    @contextmanager
    def holding_bodies(self) -> Iterator[None]:
        self.holding = "DATA"
        yield
        self.holding = ""

    @contextmanager
    def holding_answers(self) -> Iterator[None]:
        self.holding = "BODY"
        yield
        self.holding = ""

    @property
    def under_way(self) -> int:
        return self.begun - self.ended

    def refuse(self, address: str) -> None:
        self.verdicts[address] = "550 5.1.1 No such user"

    def defer(self, address: str) -> None:
        self.verdicts[address] = "451 4.3.0 Try again later"

    def refuse_messages(self) -> None:
        self.server.overrides["BODY"] = "554 5.6.0 Content rejected"

    def cut_before_handover(self) -> None:
        self.server.overrides["DATA"] = DISCONNECT

    def cut_after_handover(self) -> None:
        self.server.overrides["BODY"] = DISCONNECT

    def silence(self) -> None:
        self.server.overrides.update(dict.fromkeys(VERBS, SILENCE))

    def throttle(self) -> float | None:
        self.server.overrides["MAIL"] = "450 4.7.0 Slow down"
        return None


class OnPostfix:
    @pytest.fixture
    def harness(self, postfix: Postfix, mailbox: Mailbox, pki: Pki) -> PostfixHarness:
        return PostfixHarness(postfix, mailbox, pki.ca_pem)


class OnScript:
    @pytest.fixture(params=["pipelining", "one by one"])
    def harness(self, request: pytest.FixtureRequest) -> Iterator[ScriptedHarness]:
        extensions = EXTENSIONS if request.param == "pipelining" else EXTENSIONS[1:]
        with ScriptedSmtp(users={USER: PASSWORD}, extensions=extensions) as server:
            yield ScriptedHarness(server)


class TestSenderOnPostfix(OnPostfix, SenderConformance):  # PLG-02
    """Sending through Postfix with STARTTLS."""


class TestProbeOnPostfix(OnPostfix, ProbeConformance):  # PLG-02
    """Test Connection against Postfix with STARTTLS."""


class TestSenderOnScript(OnScript, SenderConformance):  # PLG-02
    """Sending to a scripted server without TLS."""


class TestProbeOnScript(OnScript, ProbeConformance):  # PLG-02
    """Test Connection against a scripted server without TLS."""
