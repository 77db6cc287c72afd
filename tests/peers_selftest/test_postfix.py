"""Every port of the Postfix peer behaves as its name says."""

import smtplib

import pytest

from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki
from tests.peers.postfix import Postfix

MESSAGE = b"From: sender@example.test\r\nSubject: peers\r\nX-Exact: \xc3\xa4\r\n\r\nA line.\r\n.A dot.\r\n"


def send(client: smtplib.SMTP, *recipients: str) -> dict[str, tuple[int, bytes]]:
    """Send `MESSAGE`; the refused recipients."""
    with client:
        return client.sendmail("sender@example.test", recipients, MESSAGE)


def connect(pki: Pki, postfix: Postfix, name: str, mailbox: Mailbox | None = None) -> smtplib.SMTP:
    """A client that has done all that the port asks for."""
    port = postfix.ports[name]
    if name == "smtps":
        client: smtplib.SMTP = smtplib.SMTP_SSL(postfix.host, port, context=pki.client_context())
    else:
        client = smtplib.SMTP(postfix.host, port)
    if name not in {"plain", "smtps", "no_8bitmime", "small"}:
        client.starttls(context=pki.client_context())
    if mailbox:
        client.login(mailbox.address, mailbox.password)
    return client


@pytest.mark.parametrize("name", ["submission", "smtps"])
def test_authenticated_ports_deliver(pki: Pki, postfix: Postfix, mailbox: Mailbox, name: str) -> None:
    """A message sent after AUTH arrives byte for byte below the trace headers."""
    assert send(connect(pki, postfix, name, mailbox), mailbox.address) == {}
    assert mailbox.wait_for_messages()[0].endswith(MESSAGE)
