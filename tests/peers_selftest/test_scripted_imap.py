"""The scripted IMAP server is correct unless a test tells it otherwise, and every fault shows at the client."""

import base64
import contextlib
import imaplib
import json
from collections.abc import Callable, Iterator

import pytest

from tests.peers.dialogue import Plan
from tests.peers.faults import DISCONNECT, LOSE_REPLY, SILENCE, cut_reply
from tests.peers.pki import Pki
from tests.peers.scripted_imap import CAPABILITIES, ScriptedImap
from tests.peers_selftest.bearer import Exchange, oauthbearer, xoauth2

MESSAGES = [b"Subject: one\r\n\r\nFirst.\r\n", b"Subject: two\r\nX-More: a\r\n b\r\n\r\nSecond.\r\n", b"Subject: three\r\n\r\n"]


@contextlib.contextmanager
def client_of(server: ScriptedImap, timeout: float = 5.0) -> Iterator[imaplib.IMAP4]:
    """A client that has signed in and selected the INBOX; it leaves without any farewell."""
    client = imaplib.IMAP4(server.host, server.port, timeout)
    try:
        client.login("user", "secret")
        if client.select()[0] != "OK":
            raise imaplib.IMAP4.error("SELECT was refused")
        yield client
    finally:
        client.shutdown()


def test_uid_search_finds_by_each_kind_of_key() -> None:
    """Keys combine; a range that ends with `*` always holds the last message."""
    with ScriptedImap(messages=MESSAGES) as server, client_of(server) as client:
        server.inbox.mails[0].flags = {"\\Seen", "$Done"}
        for keys, found in {
            "ALL": b"1 2 3",
            "UID 2:*": b"2 3",
            "UID 9:*": b"3",
            "UNSEEN": b"2 3",
            "SEEN KEYWORD $Done": b"1",
            "UNKEYWORD $Done UID 1:2": b"2",
            'HEADER "Subject" "t"': b"2 3",
            "NOT SUBJECT two SINCE 01-Jan-2026": b"1 3",
            "BEFORE 01-Jan-2026": b"",
        }.items():
            assert client.uid("SEARCH", keys) == ("OK", [found])


def test_fetch_renders_every_item() -> None:
    """Size, date, flags, whole and partial bodies, headers, and single header fields."""
    with ScriptedImap(messages=MESSAGES) as server, client_of(server) as client:
        facts = client.uid("FETCH", "2", "(RFC822.SIZE FLAGS INTERNALDATE)")[1][0]
        assert facts == b'2 (UID 2 RFC822.SIZE %d FLAGS () INTERNALDATE "02-Jan-2026 03:04:05 +0000")' % len(MESSAGES[1])
        for item, content in {
            "BODY.PEEK[]": MESSAGES[1],
            "BODY.PEEK[]<9.5>": MESSAGES[1][9:14],
            "BODY.PEEK[]<9000.5>": b"",
            "BODY.PEEK[HEADER]": MESSAGES[1].partition(b"Second")[0],
            "BODY.PEEK[TEXT]": b"Second.\r\n",
            "BODY.PEEK[HEADER.FIELDS (X-MORE NOPE)]": b"X-MORE: a b\r\n\r\n",
        }.items():
            assert client.uid("FETCH", "2", f"({item})")[1][0][1] == content
        assert server.inbox.mails[1].flags == set()
        client.uid("FETCH", "2", "BODY[]")
        assert server.inbox.mails[1].flags == {"\\Seen"}


def test_move_and_copy_tell_the_new_uids() -> None:
    """COPYUID comes untagged for MOVE and tagged for COPY; moved messages are gone, by way of EXPUNGE."""
    with ScriptedImap(messages=MESSAGES, uidvalidity=7) as server, client_of(server) as client:
        assert client.uid("MOVE", "1", "Done")[0] == "NO"
        client.create("Done")
        client.uid("MOVE", "1,3", "Done")
        assert client.response("COPYUID") == ("COPYUID", [b"1 1,3 1,2"])
        assert client.response("EXPUNGE") == ("EXPUNGE", [b"3", b"1"])
        client.uid("COPY", "2", "Done")
        assert client.response("COPYUID") == ("COPYUID", [b"1 2 3"])
        assert [mail.uid for mail in server.inbox.mails] == [2]
        assert [mail.content for mail in server.folder("Done").mails] == [MESSAGES[0], MESSAGES[2], MESSAGES[1]]


def test_uid_expunge_spares_the_deletions_of_others() -> None:
    """Only named messages that carry \\Deleted go away."""
    with ScriptedImap(messages=MESSAGES) as server, client_of(server) as client:
        client.uid("STORE", "1:2", "+FLAGS.SILENT", r"(\Deleted)")
        client._simple_command("UID", "EXPUNGE", "2,3")
        assert [mail.uid for mail in server.inbox.mails] == [1, 3]


def test_append_takes_any_bytes() -> None:
    """A literal is stored as it is, with flags and the next UID."""
    content = b'\xff "\\ {3}\r\n\r\n\x01'
    with ScriptedImap(messages=MESSAGES) as server, client_of(server) as client:
        client.append("INBOX", r"(\Seen)", "", content)
    added = server.inbox.mails[-1]
    assert (added.uid, added.flags, added.content) == (4, {"\\Seen"}, content)


def test_folders_have_names_and_attributes() -> None:
    """LIST shows modified UTF-7 and the attributes that a test gave a folder."""
    with ScriptedImap() as server, client_of(server) as client:
        server.folder("Papierkörbe/x").attributes = (r"\Trash",)
        assert client.list('""', "*")[1] == [b'() "/" "INBOX"', rb'(\Trash) "/" "Papierk&APY-rbe/x"']
        assert client.list('""', "%")[1] == [b'() "/" "INBOX"']


@pytest.mark.parametrize("lacking", ["MOVE", "UIDPLUS"])
def test_what_is_not_offered_is_refused(lacking: str) -> None:
    """Without MOVE or UIDPLUS their commands are BAD."""
    offered = [capability for capability in CAPABILITIES if capability != lacking]
    command = {"MOVE": ("MOVE", "1", "INBOX"), "UIDPLUS": ("EXPUNGE", "1")}[lacking]
    with ScriptedImap(messages=MESSAGES, capabilities=offered) as server, client_of(server) as client:
        assert client._simple_command("NOOP")[0] == "OK"
        with pytest.raises(imaplib.IMAP4.error, match="BAD"):
            client._simple_command("UID", *command)


def test_examine_is_read_only() -> None:
    """After EXAMINE nothing can be changed, not even by fetching."""
    with ScriptedImap(messages=MESSAGES) as server, client_of(server) as client:
        client.select(readonly=True)
        client.fetch("1", "BODY[]")
        assert client.store("1", "+FLAGS", r"(\Seen)")[0] == "NO"
        assert server.inbox.mails[0].flags == set()


@pytest.mark.parametrize(("mechanism", "response"), [("XOAUTH2", xoauth2), ("OAUTHBEARER", oauthbearer)])
def test_a_refused_token_gets_a_challenge(mechanism: str, response: Callable[[str, str], str]) -> None:
    """The challenge holds the status; the next token is accepted on the same connection."""
    stale, valid = (Exchange(base64.b64decode(response("user", token)), b"") for token in ("stale", "valid"))
    with ScriptedImap(users={"user": "valid"}) as server, imaplib.IMAP4(server.host, server.port) as client:
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            client.authenticate(mechanism, stale)
        client.authenticate(mechanism, valid)
    assert json.loads(stale.challenges[1])["status"] == "401"
    assert [login.secret for login in server.logins] == ["stale", "valid"]


def test_passwords_sign_in_after_starttls(pki: Pki) -> None:
    """LOGIN and AUTHENTICATE PLAIN reach the same decision, whatever letters the password has."""
    server = ScriptedImap(users={"user": 'pä"ss'}, starttls=pki.server_context())
    with server, imaplib.IMAP4(server.host, server.port) as client:
        client.starttls(pki.client_context())
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            client.login("user", "wrong")
        client.authenticate("PLAIN", Exchange('\0user\0pä"ss'.encode()))
    assert [login.mechanism for login in server.logins] == ["LOGIN", "PLAIN"]


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        ({"GREETING": "* BYE overloaded"}, imaplib.IMAP4.error),
        ({"LOGIN": "{tag} NO [UNAVAILABLE] Try later"}, imaplib.IMAP4.error),
        ({"LOGIN": DISCONNECT}, imaplib.IMAP4.abort),
        ({"SELECT": "{tag} BAD User is authenticated but not connected."}, imaplib.IMAP4.error),
        ({"UID FETCH": cut_reply(40)}, imaplib.IMAP4.abort),
    ],
)
def test_faults_show(overrides: dict[str, Plan], error: type[Exception]) -> None:
    """Each fault is seen by the client as the error of its kind."""
    with ScriptedImap(overrides, messages=MESSAGES) as server, pytest.raises(error), client_of(server) as client:
        client.uid("FETCH", "1", "BODY.PEEK[]")


def test_silence_lasts_until_the_client_gives_up() -> None:
    """The connection stays open, nothing comes."""
    with ScriptedImap({"UID FETCH": SILENCE}, messages=MESSAGES) as server, client_of(server, timeout=0.3) as client:
        with pytest.raises(TimeoutError):
            client.uid("FETCH", "1", "BODY.PEEK[]")
        assert server.open_connections == 1


def test_a_move_whose_answer_is_lost_has_happened() -> None:
    """The client is cut off, the message is in its new place."""
    with ScriptedImap({"UID MOVE": LOSE_REPLY}, messages=MESSAGES) as server, client_of(server) as client:
        with pytest.raises(imaplib.IMAP4.abort):
            client.uid("MOVE", "1", "INBOX")
        assert [mail.uid for mail in server.inbox.mails] == [2, 3, 4]
