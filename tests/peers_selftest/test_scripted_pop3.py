"""The scripted POP3 server is correct unless a test tells it otherwise, and every fault shows at the client."""

import contextlib
import poplib
import socket
from collections.abc import Iterator

import pytest

from tests.peers.dialogue import Plan
from tests.peers.faults import DISCONNECT, LOSE_REPLY, cut_reply, reply_then
from tests.peers.pki import Pki
from tests.peers.scripted_pop3 import ScriptedPop3
from tests.peers_selftest.bearer import command, xoauth2

MESSAGES = [b"Subject: one\r\n\r\nFirst.\r\n.dot\r\n", b"Subject: two\r\n\r\nSecond.\r\n"]


@contextlib.contextmanager
def client_of(server: ScriptedPop3) -> Iterator[poplib.POP3]:
    """A client that has signed in; it leaves without QUIT."""
    client = poplib.POP3(server.host, server.port, timeout=5.0)
    try:
        client.user("user")
        client.pass_("secret")
        yield client
    finally:
        client.close()


def test_messages_are_listed_and_read() -> None:
    """STAT, LIST, UIDL, TOP and RETR agree with the maildrop; leading dots survive."""
    with ScriptedPop3(messages=MESSAGES) as server, client_of(server) as client:
        assert client.stat() == (2, sum(map(len, MESSAGES)))
        assert client.list()[1] == [b"1 30", b"2 25"]
        assert client.uidl()[1] == [b"1 uidl-1", b"2 uidl-2"]
        assert client.uidl(2) == b"+OK 2 uidl-2"
        assert client.top(1, 1)[1] == [b"Subject: one", b"", b"First."]
        assert client.retr(1)[1] == MESSAGES[0].splitlines()


def test_deletion_takes_effect_at_quit() -> None:
    """A dropped connection and RSET undo DELE, QUIT commits it."""
    with ScriptedPop3(messages=MESSAGES) as server:
        with client_of(server) as client:
            client.dele(1)
        with client_of(server) as client:
            client.dele(1)
            client.rset()
            client.dele(2)
            with pytest.raises(poplib.error_proto, match="no such message"):
                client.retr(2)
            client.quit()
        assert [mail.uidl for mail in server.maildrop] == ["uidl-1"]


def test_what_is_not_offered_is_refused() -> None:
    """Without UIDL and TOP in the capabilities their commands are unknown."""
    with ScriptedPop3(messages=MESSAGES, capabilities=["USER"]) as server, client_of(server) as client:
        assert client.capa() == {"USER": []}
        for ask in (client.uidl, lambda: client.top(1, 0), lambda: command(client, "AUTH PLAIN")):
            with pytest.raises(poplib.error_proto, match="unknown"):
                ask()


def test_tokens_sign_in_after_stls(pki: Pki) -> None:
    """XOAUTH2 works in two steps; a refused token gets a challenge, then [AUTH]."""
    with ScriptedPop3(users={"u": "valid"}, starttls=pki.server_context()) as server:
        client = poplib.POP3(server.host, server.port)
        client.stls(pki.client_context())
        assert command(client, "AUTH XOAUTH2") == b"+ "
        assert command(client, xoauth2("u", "stale")).startswith(b"+ ey")
        with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
            command(client, "")
        command(client, "AUTH XOAUTH2")
        assert command(client, xoauth2("u", "valid")) == b"+OK signed in"
        client.quit()


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        ({"PASS": "-ERR [IN-USE] locked"}, "IN-USE"),
        ({"RETR": DISCONNECT}, "EOF"),
        ({"RETR": cut_reply(30)}, "EOF"),
    ],
)
def test_faults_show(overrides: dict[str, Plan], text: str) -> None:
    """Each fault is seen by the client."""
    with (
        ScriptedPop3(overrides, messages=MESSAGES) as server,
        pytest.raises(poplib.error_proto, match=text),
        client_of(server) as client,
    ):
        client.retr(1)


def test_the_greeting_can_be_an_error() -> None:
    """The server speaks first, and may refuse at once."""
    refusal = reply_then("-ERR [SYS/TEMP] down")
    with ScriptedPop3({"GREETING": refusal}) as server, socket.create_connection((server.host, server.port)) as connection:
        assert b"".join(iter(lambda: connection.recv(100), b"")) == b"-ERR [SYS/TEMP] down\r\n"


def test_a_quit_whose_answer_is_lost_has_deleted() -> None:
    """The client is cut off, the maildrop has changed."""
    with ScriptedPop3({"QUIT": LOSE_REPLY}, messages=MESSAGES) as server, client_of(server) as client:
        client.dele(1)
        with pytest.raises(poplib.error_proto, match="EOF"):
            client.quit()
        assert len(server.maildrop) == 1
