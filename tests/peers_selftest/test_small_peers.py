"""smtp-sink and aiosmtpd take mail; a program that is not installed skips, or fails in CI."""

import smtplib
import sys
from pathlib import Path

import pytest

from tests.peers.aiosmtpd_peer import serve_aiosmtpd
from tests.peers.pki import Pki
from tests.peers.ports import free_port
from tests.peers.process import foreground, need
from tests.peers.smtpsink import SmtpSink, serve_smtp_sink

MESSAGE = b"Subject: peers\r\n\r\nA line.\r\n"
SENDER, RECIPIENT = "sender@example.test", "recipient@example.test"


def test_the_sink_keeps_messages(smtp_sink: SmtpSink) -> None:
    """What was sent can be read, with the envelope above it."""
    with smtplib.SMTP(smtp_sink.host, smtp_sink.port) as client:
        client.sendmail(SENDER, [RECIPIENT], MESSAGE)
    assert b"X-Rcpt-Args: <recipient@example.test>" in smtp_sink.messages()[0]


def test_the_sink_fails_on_demand() -> None:
    """Options of smtp-sink(1) choose the faults."""
    with serve_smtp_sink("-f", "RCPT", dump=False) as sink, smtplib.SMTP(sink.host, sink.port) as client:
        client.ehlo()
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="500"):
            client.sendmail(SENDER, [RECIPIENT], MESSAGE)


def test_aiosmtpd_records_envelopes(pki: Pki) -> None:
    """After STARTTLS and AUTH a message is kept with its envelope; too large ones and wrong passwords are refused."""
    with (
        serve_aiosmtpd(users={"user": "secret"}, starttls=pki.server_context(), max_size=1000) as server,
        smtplib.SMTP(server.host, server.port) as client,
    ):
        client.starttls(context=pki.client_context())
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("user", "wrong")
        client.login("user", "secret")
        with pytest.raises(smtplib.SMTPSenderRefused, match="552"):
            client.sendmail(SENDER, [RECIPIENT], MESSAGE * 100)
        client.sendmail(SENDER, [RECIPIENT], MESSAGE)
    assert (server.envelopes[0].mail_from, server.envelopes[0].rcpt_tos) == (SENDER, [RECIPIENT])
    assert server.envelopes[0].content == MESSAGE


def test_aiosmtpd_under_implicit_tls(pki: Pki) -> None:
    """AUTH is offered there too."""
    with (
        serve_aiosmtpd(users={"user": "secret"}, tls=pki.server_context()) as server,
        smtplib.SMTP_SSL(server.host, server.port, context=pki.client_context()) as client,
    ):
        client.login("user", "secret")
        client.sendmail(SENDER, [RECIPIENT], MESSAGE)
    assert len(server.envelopes) == 1


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]) -> None:
    """The Debian package is named, as a reason to skip or, in CI, as an error."""
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="install the Debian package nowhere-to-be-found"):
        need("no-such-program", "nowhere-to-be-found")


def test_a_server_that_does_not_come_up_shows_its_log(tmp_path: Path) -> None:
    """The error carries what the program wrote."""
    command = [sys.executable, "-c", "print('cannot bind'); raise SystemExit(3)"]
    with pytest.raises(ChildProcessError) as caught, foreground(command, ports=[free_port()], log=tmp_path / "log"):
        pass
    assert "cannot bind" in caught.value.__notes__[0]
