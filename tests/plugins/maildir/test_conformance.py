"""The conformance cases over a Maildir on disk."""

from pathlib import Path

import pytest

from mailport.fields import Direction
from mailport.testing.conformance import (
    Declared,
    FieldsConformance,
    ProbeConformance,
    ReceiverConformance,
    SenderConformance,
)
from tests.plugins.maildir.harness import USER, MaildirHarness


class OnDisk:
    @pytest.fixture
    def harness(self, tmp_path: Path) -> MaildirHarness:
        return MaildirHarness(tmp_path)


class TestSender(OnDisk, SenderConformance):  # PLG-02
    """Sending into a Maildir."""


class TestReceiver(OnDisk, ReceiverConformance):  # PLG-02
    """Receiving from it."""


class TestProbe(OnDisk, ProbeConformance):  # PLG-02
    """Test Connection."""

    @pytest.fixture
    def harness(self, tmp_path: Path) -> MaildirHarness:
        (tmp_path / "team").mkdir()
        made = MaildirHarness(tmp_path)
        made.box.close()  # which makes it
        return made


class TestFields(FieldsConformance):  # PLG-01
    """What the plugin declares."""

    @pytest.fixture
    def declared(self) -> Declared:
        sample = {"directory": "team/inbox", "user_name": USER}
        return Declared(
            module="mailport_maildir.plugin",
            libraries=("mailport_maildir.sender", "mailport_maildir.receiver", "mailport_maildir.folder", "mailbox"),
            samples=(
                ("maildir", Direction.OUTGOING, sample),
                ("maildir", Direction.INCOMING, sample | {"folder": "Archive"}),
            ),
        )
