"""Test Connection for SMTP: each cause stands on its rung, with the field at fault and words for people."""

from typing import Any

import pytest

from mailport.account import Account
from mailport.diagnosis import Report, State, diagnose
from mailport.services import Services
from mailport.transport import Rung
from mailport_smtp.probe import SmtpProbe
from mailport_smtp.sender import SmtpSender
from tests.peers.faults import SILENCE
from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki
from tests.peers.postfix import Postfix
from tests.peers.scripted_smtp import ScriptedSmtp
from tests.plugins.smtp.outgoing import account, login


async def report_of(account: Account, *, sending: bool = False) -> Report:
    """The report of a test."""
    services = Services()
    sender = (lambda: SmtpSender(account, services)) if sending else None
    return await diagnose(account, SmtpProbe(account, services), services, sender=sender)


def said(report: Report, rung: Rung) -> str:
    """What a rung of a report tells."""
    return next(result.said for result in report.rungs if result.rung is rung)


@pytest.mark.parametrize(("port", "mode"), [("submission", "TLS"), ("smtps", "SSL")])
async def test_a_good_account_tells_what_was_found(pki: Pki, postfix: Postfix, mailbox: Mailbox, port: str, mode: str) -> None:
    """A test that passes tells TLS version, certificate, greeting and extensions, and sends exactly one mail.  # TST-03"""
    one = login(postfix.ports[port], mailbox, pki=pki, use_ssl_tls=mode, host="localhost")
    report = await report_of(one, sending=True)
    assert report.passed
    told = " ".join(result.said for result in report.rungs)
    for words in ("TLS 1.3 with", "certificate of", "localhost", "ESMTP", "PIPELINING", "Signed in as", mailbox.address):
        assert words in told
    assert mailbox.password not in told
    assert len(mailbox.wait_for_messages()) == 1


@pytest.mark.parametrize(
    ("port", "changes", "expected"),
    [
        ("submission", {"host": "nowhere.invalid"}, (Rung.NAME, "host")),
        ("submission", {"port": 1}, (Rung.CONNECT, "port")),
        ("expired", {}, (Rung.TLS, "host")),
        ("unknown_ca", {}, (Rung.TLS, "ca_certificates")),
        ("plain", {}, (Rung.TLS, "use_ssl_tls")),
        ("submission", {"use_ssl_tls": "none"}, (Rung.CAPABILITIES, "use_ssl_tls")),
        ("submission", {"password": "wrong"}, (Rung.AUTHENTICATION, "password")),
        ("smtps", {"use_ssl_tls": "none", "send_mail_timeout": 1}, (Rung.GREETING, "use_ssl_tls")),
    ],
)
async def test_the_cause_stands_on_its_rung(
    pki: Pki, postfix: Postfix, port: str, changes: dict[str, Any], expected: tuple[Rung, str]
) -> None:
    """The first failure is the cause; it names the field at fault and a remedy, and what comes later is skipped.  # TST-07"""
    one = login(
        changes.get("port", postfix.ports[port]), pki=pki, **{name: value for name, value in changes.items() if name != "port"}
    )
    report = await report_of(one, sending=True)
    assert report.cause is not None
    assert (report.cause.rung, report.cause.field) == expected
    assert report.cause.remedy
    later = [result for result in report.rungs if list(Rung).index(result.rung) > list(Rung).index(expected[0])]
    assert {result.state for result in later} - {State.PASSED} == {State.SKIPPED}
    assert report.rungs[list(Rung).index(Rung.SEND)].state is State.SKIPPED


async def test_the_sender_is_asked_for_and_taken_back() -> None:
    """A server that does not take mail from the account says so before a mail is sent, and nothing is left behind."""
    with ScriptedSmtp({"MAIL": "550 5.7.60 Not allowed to send as this"}) as server:
        refused = await report_of(account(server.port))
        server.overrides.clear()
        taken = await report_of(account(server.port, from_address="shared@example.test"))
    assert refused.cause is not None
    assert (refused.cause.rung, refused.cause.code) == (Rung.PERMISSION, "permission.send_as")
    assert taken.passed
    assert server.received[-3:] == [b"MAIL FROM:<shared@example.test>", b"RSET", b"QUIT"]


async def test_what_starttls_found_stands_at_tls(pki: Pki, postfix: Postfix, mailbox: Mailbox) -> None:
    """Version and certificate stand at their own rung, what is offered after the change at the capabilities."""
    report = await report_of(login(postfix.ports["submission"], mailbox, pki=pki, host="localhost"))
    assert said(report, Rung.TLS).startswith("TLS 1.3 with ")
    assert said(report, Rung.CAPABILITIES).startswith("The server offers ")
    assert "AUTH" in said(report, Rung.CAPABILITIES)


async def test_no_encryption_is_warned_about() -> None:
    """A test without TLS passes, and says what that means."""
    with ScriptedSmtp() as server:
        report = await report_of(account(server.port))
    assert report.passed
    assert said(report, Rung.TLS).startswith("Warning: nothing is encrypted")


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
async def test_another_protocols_port_is_a_wrong_port(mailbox: Mailbox, protocol: str) -> None:
    """A server that greets in another protocol is a setting to mend, not a fault of the server."""
    report = await report_of(account(getattr(mailbox.server, protocol)))
    assert report.cause is not None
    assert (report.cause.rung, report.cause.error, report.cause.field) == (Rung.GREETING, "ConfigurationError", "port")


async def test_a_silent_server_ends_the_test_in_time() -> None:
    """The whole test has Send Mail Timeout as its budget.  # TST-10"""
    with ScriptedSmtp({"EHLO": SILENCE}) as server:
        report = await report_of(account(server.port, send_mail_timeout=1))
    assert report.cause is not None
    assert (report.cause.rung, report.cause.code) == (Rung.CAPABILITIES, "capabilities.timeout")
