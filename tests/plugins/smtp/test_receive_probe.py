"""Test Connection of an inbox: what a person is told, and where a failure is shown."""

from typing import Any

import pytest

from mailport.account import Account
from mailport.diagnosis import Report, State, diagnose
from mailport.services import Services
from mailport.transport import Rung
from mailport_smtp.receive_probe import make_probe
from tests.peers.faults import DISCONNECT, SILENCE
from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki
from tests.peers.scripted_imap import ScriptedImap
from tests.peers.scripted_pop3 import ScriptedPop3
from tests.plugins.smtp.receiving import PASSWORD, USER, account, mail, of_dovecot, scripted

both = pytest.mark.parametrize("protocol", ["imap", "pop3"])
each_server = pytest.mark.parametrize("make", [ScriptedImap, ScriptedPop3])


async def examine(account: Account) -> Report:
    """The report on an account."""
    services = Services()
    return await diagnose(account, make_probe(account, services), services)


def said(report: Report) -> dict[Rung, str]:
    """What was told at the rungs that passed and said something."""
    return {result.rung: result.said for result in report.rungs if result.state is State.PASSED and result.said}


@both
@pytest.mark.parametrize("tls", ["SSL", "TLS"])
async def test_a_person_is_told_what_was_found(protocol: str, tls: str, mailbox: Mailbox, pki: Pki) -> None:
    """A test that passes tells version and certificate, server, sign-in, folder and that mail can be read."""  # TST-11
    mailbox.deliver(mail("One"))
    user = (mailbox.address, mailbox.password)
    report = await examine(of_dovecot(protocol, mailbox.server, *user, tls, ca_certificates=pki.ca_pem))
    told = said(report)
    assert report.passed
    assert told[Rung.TLS].startswith("TLS 1.3, certificate of ")
    assert told[Rung.GREETING] == "Dovecot (Debian) ready."
    assert told[Rung.AUTHENTICATION].startswith(f"Signed in as {mailbox.address} (")
    assert "holds 1 message." in told[Rung.FOLDER]
    assert "header" in told[Rung.READ]


async def test_the_folders_are_listed(mailbox: Mailbox) -> None:
    """Whoever sets up an inbox sees which folders there are."""  # TST-11
    mailbox.deliver(mail("One"), "Archive")
    report = await examine(of_dovecot("imap", mailbox.server, mailbox.address, mailbox.password))
    assert said(report)[Rung.FOLDER] == "“INBOX” holds 0 messages. Folders: Archive, INBOX."


@each_server
async def test_an_empty_mailbox_passes(make: Any) -> None:
    """An inbox without a message is fine; that nothing is encrypted is warned about."""
    with make() as server:
        report = await examine(scripted(server))
    assert report.passed
    assert "empty" in said(report)[Rung.READ]
    assert said(report)[Rung.TLS].startswith("Warning: nothing is encrypted")


async def test_a_server_that_reads_no_headers_passes() -> None:
    """A POP3 server without TOP is fine: a whole message is not read for a test."""
    with ScriptedPop3(capabilities=("UIDL", "USER"), messages=[mail("One")]) as server:
        report = await examine(scripted(server))
        assert not any(line.startswith(b"RETR") for line in server.received)
    assert report.passed
    assert "TOP" in said(report)[Rung.READ]


@pytest.mark.parametrize(
    ("make", "script", "changes", "rung"),
    [
        (ScriptedImap, {"GREETING": "220 other"}, {}, Rung.GREETING),
        (ScriptedImap, {}, {"use_ssl_tls": "TLS"}, Rung.TLS),
        (ScriptedImap, {}, {"password": "wrong"}, Rung.AUTHENTICATION),
        (ScriptedImap, {"AUTHENTICATE": DISCONNECT}, {}, Rung.AUTHENTICATION),
        (ScriptedImap, {}, {"folder": "Missing"}, Rung.FOLDER),
        (ScriptedImap, {"UID FETCH": "{tag} NO cannot"}, {}, Rung.READ),
        (ScriptedPop3, {"GREETING": "220 other"}, {}, Rung.GREETING),
        (ScriptedPop3, {}, {"use_ssl_tls": "TLS"}, Rung.TLS),
        (ScriptedPop3, {}, {"password": "wrong"}, Rung.AUTHENTICATION),
        (ScriptedPop3, {"LIST": "-ERR cannot"}, {}, Rung.FOLDER),
        (ScriptedPop3, {"TOP": DISCONNECT}, {}, Rung.READ),
    ],
)
async def test_a_failure_stands_at_its_rung(make: Any, script: Any, changes: dict[str, str], rung: Rung) -> None:
    """The cause is shown at the step where it lies, with a code of that step and a remedy."""  # TST-07
    with make(script, messages=[mail("One")], users={USER: PASSWORD}) as server:
        report = await examine(scripted(server, **changes))
    assert report.cause is not None
    assert report.cause.rung is rung
    assert report.cause.code.startswith(f"{rung}.")
    assert report.cause.remedy


@both
async def test_another_protocols_port_is_a_wrong_port(protocol: str, mailbox: Mailbox) -> None:
    """A server that greets in another protocol is a setting to mend, and nothing of the library's words is told."""
    server = mailbox.server
    report = await examine(account(protocol, "localhost", server.pop3 if protocol == "imap" else server.imap))
    assert report.cause is not None
    assert (report.cause.code, report.cause.field, report.cause.error) == ("greeting.malformed", "port", "ConfigurationError")
    assert report.cause.said.startswith(f"localhost does not speak {protocol.upper()} on this port")
    assert "None" not in report.cause.said


@both
async def test_a_port_that_expects_ssl_is_recognised(protocol: str, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that stays silent and answers a handshake belongs to SSL: it says so long before the test's time is over."""
    monkeypatch.setattr("mailport_smtp.knock._GREETING", 0.3)
    secure = {"imap": mailbox.server.imaps, "pop3": mailbox.server.pop3s}[protocol]
    report = await examine(account(protocol, "localhost", secure, use_ssl_tls="TLS"))
    assert report.cause is not None
    assert (report.cause.code, report.cause.field) == ("greeting.ssl_expected", "use_ssl_tls")


@each_server
async def test_a_silent_server_is_not_waited_for(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that neither greets nor answers a handshake is told as a wrong port."""
    monkeypatch.setattr("mailport_smtp.knock._GREETING", 0.3)
    monkeypatch.setattr("mailport_smtp.knock._ANSWER", 0.3)
    with make({"GREETING": SILENCE}) as server:
        report = await examine(scripted(server, use_ssl_tls="TLS"))
    assert report.cause is not None
    assert (report.cause.code, report.cause.field) == ("greeting.timeout", "port")
    assert "expects SSL" in report.cause.remedy


@each_server
async def test_no_suitable_sign_in_stands_at_the_capabilities(make: Any) -> None:
    """A server that offers no suitable sign-in is told at the capabilities, not as a refusal."""
    with make(capabilities=("IMAP4rev1", "LOGINDISABLED", "UIDL")) as server:
        report = await examine(scripted(server))
    assert report.cause is not None
    assert report.cause.rung is Rung.CAPABILITIES


async def test_a_test_marks_nothing() -> None:
    """The folder is opened for reading only."""
    with ScriptedImap(messages=[mail("One")]) as server:
        assert (await examine(scripted(server))).passed
        assert not any(b" SELECT " in line for line in server.received)
        assert server.inbox.mails[0].flags == set()
