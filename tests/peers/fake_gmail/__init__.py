"""Gmail and Google's token endpoint, as far as mailport uses them: stateful, over TLS, judged by Google's own contract."""

from tests.peers.fake_gmail.faults import Fault, failure, refusal
from tests.peers.fake_gmail.mailbox import Mailbox
from tests.peers.fake_gmail.server import FakeGmail
from tests.peers.fake_gmail.tokens import FakeGoogleTokens

__all__ = ["FakeGmail", "FakeGoogleTokens", "Fault", "Mailbox", "failure", "refusal"]
