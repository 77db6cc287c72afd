"""The scripted SMTP server is correct unless a test tells it otherwise, and every fault shows at the client."""

import contextlib
import smtplib
import socket
import time
from collections.abc import Iterator

import pytest

from tests.peers.dialogue import Plan
from tests.peers.faults import DISCONNECT, LOSE_REPLY, NORMAL, RESET, SILENCE, cut_reply, delay, reply_then
from tests.peers.pki import Pki
from tests.peers.scripted_smtp import ScriptedSmtp, cut_data
from tests.peers_selftest.bearer import oauthbearer, xoauth2

SENDER, RECIPIENT = "sender@example.test", "recipient@example.test"
MESSAGE = b"Subject: peers\r\n\r\nA line.\r\n.A dot.\r\n"


@contextlib.contextmanager
def client_of(server: ScriptedSmtp, timeout: float = 5.0) -> Iterator[smtplib.SMTP]:
    """A client that closes its socket whatever happens."""
    client = smtplib.SMTP(server.host, server.port, timeout=timeout)
    try:
        yield client
    finally:
        client.close()


def send(client: smtplib.SMTP) -> None:
    """Send `MESSAGE`."""
    client.sendmail(SENDER, [RECIPIENT], MESSAGE)


def test_a_message_is_recorded() -> None:
    """Envelope, parameters and content are kept as the client meant them, and every line it sent."""
    with ScriptedSmtp() as server, client_of(server) as client:
        client.sendmail(SENDER, [RECIPIENT], MESSAGE, ["BODY=8BITMIME"], ["NOTIFY=NEVER"])
        client.quit()
    received = server.messages[0]
    assert (received.sender, received.recipients, received.content) == (SENDER, [RECIPIENT], MESSAGE)
    assert received.mail_parameters == [f"size={len(MESSAGE)}", "BODY=8BITMIME"]
    assert received.rcpt_parameters == [["NOTIFY=NEVER"]]
    assert server.received[-1] == b"quit"
    assert server.connections == 1


def test_recipients_have_their_own_answers() -> None:
    """One address is refused, the others are accepted."""
    with ScriptedSmtp(recipients={"bad@example.test": "550 5.1.1 No"}) as server, client_of(server) as client:
        assert client.sendmail(SENDER, [RECIPIENT, "bad@example.test"], MESSAGE) == {"bad@example.test": (550, b"5.1.1 No")}
    assert server.messages[0].recipients == [RECIPIENT]


def test_commands_may_be_pipelined() -> None:
    """A whole transaction in one packet gets its replies one by one."""
    with ScriptedSmtp() as server, socket.create_connection((server.host, server.port)) as connection:
        envelope = b"EHLO client\r\nMAIL FROM:<a@example.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n"
        connection.sendall(envelope + MESSAGE + b".\r\nQUIT\r\n")
        replies = b"".join(iter(lambda: connection.recv(4096), b"")).splitlines()
    assert [reply[:3] for reply in replies if reply[3:4] == b" "] == [b"220", b"250", b"250", b"250", b"354", b"250", b"221"]


def test_bdat_needs_chunking() -> None:
    """Chunks make one message when CHUNKING is offered, and are refused otherwise."""
    for extensions, code in (["CHUNKING"], 250), ([], 502):
        with ScriptedSmtp(extensions=extensions) as server, client_of(server) as client:
            client.ehlo()
            client.mail(SENDER)
            client.rcpt(RECIPIENT)
            client.send(b"BDAT 5\r\nHello")
            assert client.getreply()[0] == code
            client.send(b"BDAT 2 LAST\r\n!\n")
            assert client.getreply()[0] == code
            assert [message.content for message in server.messages] == ([b"Hello!\n"] if code == 250 else [])


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("MAIL FROM:<a@example.test> SIZE=99999999", 552),
        ("MAIL FROM:<ä@example.test>", 553),
        ("MAIL FROM:<a@example.test> FANCY=1", 555),
        ("MAIL FROM: a@example.test", 501),
        ("RCPT TO:<a@example.test>", 503),
        ("DATA", 503),
        ("NONSENSE", 500),
    ],
)
def test_the_server_is_strict(command: str, code: int) -> None:
    """What a correct server refuses is refused."""
    with ScriptedSmtp() as server, client_of(server) as client:
        client.ehlo()
        client.command_encoding = "utf-8"
        assert client.docmd(command)[0] == code


def test_all_mechanisms_sign_in(pki: Pki) -> None:
    """PLAIN, LOGIN, XOAUTH2 and OAUTHBEARER reach the same decision; a refused token gets a challenge first."""
    with ScriptedSmtp(users={"user": "secret"}, starttls=pki.server_context()) as server, client_of(server) as client:
        client.starttls(context=pki.client_context())
        client.ehlo()
        client.user, client.password = "user", "secret"
        assert client.auth("PLAIN", client.auth_plain)[0] == 235
        assert client.auth("LOGIN", client.auth_login, initial_response_ok=False)[0] == 235
        assert client.docmd("AUTH", f"XOAUTH2 {xoauth2('user', 'secret')}")[0] == 235
        assert client.docmd("AUTH", f"OAUTHBEARER {oauthbearer('user', 'secret')}")[0] == 235
        assert client.docmd("AUTH", f"OAUTHBEARER {oauthbearer('user', 'stale')}")[0] == 334
        assert client.docmd("AQ==")[0] == 535
    assert [login.mechanism for login in server.logins] == ["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER", "OAUTHBEARER"]


@pytest.mark.parametrize(
    ("overrides", "error", "accepted"),
    [
        ({"GREETING": "554 5.7.1 Go away"}, smtplib.SMTPConnectError, 0),
        ({"GREETING": DISCONNECT}, smtplib.SMTPServerDisconnected, 0),
        ({"MAIL": "421 4.3.2 Closing"}, smtplib.SMTPSenderRefused, 0),
        ({"RCPT": DISCONNECT}, smtplib.SMTPServerDisconnected, 0),
        ({"DATA": "451 4.3.0 Later"}, smtplib.SMTPDataError, 0),
        ({"DATA": cut_data(after=10)}, smtplib.SMTPServerDisconnected, 0),
        ({"BODY": "552 5.3.4 Too big"}, smtplib.SMTPDataError, 0),
        ({"BODY": DISCONNECT}, smtplib.SMTPServerDisconnected, 0),
        ({"BODY": RESET}, smtplib.SMTPServerDisconnected, 0),
        ({"BODY": LOSE_REPLY}, smtplib.SMTPServerDisconnected, 1),
        ({"EHLO": cut_reply(5)}, smtplib.SMTPServerDisconnected, 0),
    ],
)
def test_faults_show(overrides: dict[str, Plan], error: type[Exception], accepted: int) -> None:
    """Each fault is seen by the client as the error of its kind, and the server knows whether it has the message."""
    with ScriptedSmtp(overrides) as server:
        with pytest.raises(error), client_of(server) as client:
            send(client)
        assert len(server.messages) == accepted


def test_a_list_answers_call_by_call() -> None:
    """The first transaction fails, the second is not touched, the third fails, and from then on all is well."""
    with ScriptedSmtp({"BODY": ["451 4.3.0 Later", NORMAL, "451 4.3.0 Later"]}) as server, client_of(server) as client:
        for works in (False, True, False, True, True):
            with contextlib.nullcontext() if works else pytest.raises(smtplib.SMTPDataError):
                send(client)
    assert len(server.messages) == 3


def test_silence_lasts_until_the_client_gives_up() -> None:
    """A silent server keeps the connection and still records what it reads."""
    with ScriptedSmtp({"RCPT": SILENCE}) as server:
        with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)), client_of(server, timeout=0.1) as client:
            send(client)
        assert server.received[-1].upper().startswith(b"RCPT TO:")


def test_delay_is_an_answer_that_comes_late() -> None:
    """Delays stack with other answers."""
    with ScriptedSmtp({"NOOP": [delay(0.1), delay(0.1, "421 4.4.2 Idle")]}) as server, client_of(server) as client:
        started = time.monotonic()
        assert [client.noop()[0], client.noop()[0]] == [250, 421]
        assert time.monotonic() - started >= 0.2


def test_a_reply_may_be_the_last() -> None:
    """421 and the end of the connection belong together."""
    with ScriptedSmtp({"MAIL": reply_then("421 4.3.2 Shutting down")}) as server, client_of(server) as client:
        with pytest.raises(smtplib.SMTPSenderRefused, match="421"):
            send(client)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()


def test_implicit_tls(pki: Pki) -> None:
    """The whole connection can be under TLS."""
    with ScriptedSmtp(tls=pki.server_context()) as server:
        with smtplib.SMTP_SSL(server.host, server.port, context=pki.client_context()) as client:
            send(client)
        assert len(server.messages) == 1
