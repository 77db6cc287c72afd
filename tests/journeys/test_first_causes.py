"""Test Connection names the first cause of each fault: rung, code, field and a remedy, over SMTP, IMAP and POP3."""

from contextlib import ExitStack

import pytest

from mailport import Mailport
from mailport.diagnosis import State
from mailport.transport import Rung
from tests.peers.faults import DISCONNECT, SILENCE
from tests.peers.ports import free_port
from tests.peers.scripted_imap import ScriptedImap
from tests.peers.scripted_pop3 import ScriptedPop3
from tests.peers.scripted_smtp import ScriptedSmtp

USER = "ann@example.test"
CANARY = "canary-password-of-ann"
SERVERS = {"smtp": ScriptedSmtp, "imap": ScriptedImap, "pop3": ScriptedPop3}
NO_AUTH = {"smtp": {"extensions": ("SIZE 1000", "PIPELINING")}}


@pytest.fixture
async def mail():
    async with Mailport() as mailport:
        yield mailport


@pytest.fixture
def stack():
    with ExitStack() as opened:
        yield opened


def values(protocol, port, **changes):
    """An account of a scripted server, without TLS unless asked for."""
    common = {
        "protocol": protocol,
        "host": "127.0.0.1",
        "port": port,
        "user_name": USER,
        "password": CANARY,
        "use_ssl_tls": "none",
    }
    return common | ({"send_mail_timeout": 2} if protocol == "smtp" else {}) | changes


async def cause_of(mail, settings, **options):
    """Run the test and return the first failure, after checking what holds for every report."""
    direction = "outgoing" if settings["protocol"] == "smtp" else "incoming"
    report = await mail.test_connection(mail.account(settings, direction), **options)
    assert CANARY not in str(report.as_dict())
    assert not report.passed
    later = [result for result in report.rungs if list(Rung).index(result.rung) > list(Rung).index(report.cause.rung)]
    # With STARTTLS the greeting and the capabilities come before TLS.
    assert all(result.state is State.SKIPPED or result.rung in (Rung.GREETING, Rung.CAPABILITIES) for result in later)
    assert report.cause.remedy
    assert report.cause.said
    return report.cause


SCRIPTED = [
    # protocol, what the server does, what the account says, rung, code, field
    ("smtp", {"GREETING": "554 5.7.1 Not from your address"}, {}, Rung.GREETING, "greeting.refused", "host"),
    ("smtp", {"GREETING": "421 4.3.2 Too busy"}, {}, Rung.GREETING, "greeting.unavailable", None),
    ("smtp", {"GREETING": DISCONNECT}, {}, Rung.GREETING, None, None),
    ("smtp", {"GREETING": SILENCE}, {}, Rung.GREETING, "greeting.timeout", "port"),
    ("smtp", {"EHLO": "550 5.7.1 Go away", "HELO": "550 Go away"}, {}, Rung.CAPABILITIES, "capabilities.refused", "host"),
    ("smtp", {"EHLO": DISCONNECT}, {}, Rung.CAPABILITIES, None, None),
    ("smtp", {}, {"use_ssl_tls": "TLS"}, Rung.TLS, "tls.not_offered", "use_ssl_tls"),
    ("smtp", {}, {"use_ssl_tls": "SSL"}, Rung.TLS, "tls.not_tls", "use_ssl_tls"),
    ("smtp", {"AUTH": "535 5.7.8 Bad credentials"}, {}, Rung.AUTHENTICATION, "authentication.refused", "password"),
    ("smtp", {"AUTH": "535 5.7.139 SmtpClientAuthentication is disabled"}, {}, Rung.AUTHENTICATION, None, "user_name"),
    ("smtp", {"AUTH": "550 5.7.30 Basic authentication is not supported"}, {}, Rung.AUTHENTICATION, None, "authentication"),
    ("smtp", {"AUTH": "534 5.7.9 Application-specific password required"}, {}, Rung.AUTHENTICATION, None, "password"),
    ("smtp", {"AUTH": "454 4.7.0 Too many logins"}, {}, Rung.AUTHENTICATION, "authentication.throttled", None),
    ("smtp", {"AUTH": DISCONNECT}, {}, Rung.AUTHENTICATION, None, None),
    ("imap", {"GREETING": "* BYE Overloaded"}, {}, Rung.GREETING, None, None),
    ("imap", {"GREETING": DISCONNECT}, {}, Rung.GREETING, None, None),
    ("imap", {}, {"use_ssl_tls": "TLS"}, Rung.TLS, "tls.not_offered", "use_ssl_tls"),
    ("imap", {}, {"use_ssl_tls": "SSL"}, Rung.TLS, "tls.not_tls", "use_ssl_tls"),
    ("imap", {"AUTHENTICATE": "{tag} NO [AUTHENTICATIONFAILED] No"}, {}, Rung.AUTHENTICATION, None, "password"),
    ("imap", {"AUTHENTICATE": "{tag} NO [UNAVAILABLE] Later"}, {}, Rung.AUTHENTICATION, None, None),
    ("imap", {}, {"folder": "Nowhere"}, Rung.FOLDER, "folder.missing", "folder"),
    ("imap", {"EXAMINE": "{tag} NO [NOPERM] Not yours"}, {}, Rung.FOLDER, "folder.denied", "user_name"),
    ("pop3", {"GREETING": "-ERR Overloaded"}, {}, Rung.GREETING, None, None),
    ("pop3", {"GREETING": DISCONNECT}, {}, Rung.GREETING, None, None),
    ("pop3", {}, {"use_ssl_tls": "TLS"}, Rung.TLS, "tls.not_offered", "use_ssl_tls"),
    ("pop3", {}, {"use_ssl_tls": "SSL"}, Rung.TLS, "tls.not_tls", "use_ssl_tls"),
    ("pop3", {"AUTH": "-ERR [AUTH] No", "PASS": "-ERR [AUTH] No"}, {}, Rung.AUTHENTICATION, None, "password"),
    ("pop3", {"AUTH": "-ERR [IN-USE] Locked", "PASS": "-ERR [IN-USE] Locked"}, {}, Rung.AUTHENTICATION, None, None),
]


@pytest.mark.parametrize(("protocol", "script", "changes", "rung", "code", "field"), SCRIPTED)
async def test_a_servers_fault_has_its_rung_code_and_field(mail, stack, protocol, script, changes, rung, code, field):
    """Each fault of a scripted server is found at its rung, with the field that can mend it."""  # TST-07
    server = stack.enter_context(SERVERS[protocol](script))
    cause = await cause_of(mail, values(protocol, server.port, **changes))
    assert (cause.rung, cause.field) == (rung, field), cause
    assert cause.code == code or (code is None and cause.code.startswith(f"{rung}.")), cause


@pytest.mark.parametrize("protocol", SERVERS)
async def test_name_and_port_come_first(mail, protocol):  # TST-07
    """An unknown host and a closed port are found before anything is said."""
    unknown = await cause_of(mail, values(protocol, 25, host="no-such-host.invalid"))
    closed = await cause_of(mail, values(protocol, free_port()))
    assert (unknown.code, unknown.field) == ("name.unknown", "host")
    assert (closed.code, closed.field) == ("connect.refused", "port")


CERTIFICATES = [
    ("expired", "tls.certificate_expired", "host"),
    ("wrong_name", "tls.certificate_name", "host"),
    ("unknown_ca", "tls.certificate_authority", "ca_certificates"),
]


@pytest.mark.parametrize("protocol", SERVERS)
@pytest.mark.parametrize(("certificate", "code", "field"), CERTIFICATES)
async def test_a_bad_certificate_is_named(mail, stack, pki, protocol, certificate, code, field):  # SEC-02
    """Expired, for another name, of an unknown authority: three causes with three remedies."""
    bad = pki.server_context(getattr(pki, certificate))
    server = stack.enter_context(SERVERS[protocol](tls=bad))
    cause = await cause_of(mail, values(protocol, server.port, use_ssl_tls="SSL", ca_certificates=pki.ca_pem))
    assert (cause.rung, cause.code, cause.field) == (Rung.TLS, code, field)


async def test_a_refused_test_mail_is_the_send_rungs_cause(mail, stack):  # TST-07
    """A wrong address is told apart from a refused login and an unreachable host."""
    server = stack.enter_context(ScriptedSmtp({"RCPT": "550 5.1.1 No such user"}))
    cause = await cause_of(mail, values("smtp", server.port), send=True)
    assert (cause.rung, cause.code) == (Rung.SEND, "send.no_such_address")


def test_at_least_25_faults_are_told_apart():
    """The ladder is worth its name."""
    assert len(SCRIPTED) + len(SERVERS) * (2 + len(CERTIFICATES)) + 1 >= 25
