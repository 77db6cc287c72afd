"""The Dovecot peer serves IMAP, POP3 and LMTP, checks passwords and tokens, and can be a relic."""

import base64
import imaplib
import json
import poplib
import smtplib
import ssl
import time
from collections.abc import Callable

import pytest

from tests.peers.dovecot import Dovecot, serve_dovecot
from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki
from tests.peers.tokens import TokenIssuer
from tests.peers_selftest.bearer import Exchange, command, oauthbearer, xoauth2

MESSAGE = b"Subject: peers\r\n\r\nA line.\r\n.A dot.\r\n"


def version(client: imaplib.IMAP4) -> str | None:
    """The version of TLS that was agreed on."""
    return client.sock.version() if isinstance(client.sock, ssl.SSLSocket) else None


def imaps(pki: Pki, server: Dovecot) -> imaplib.IMAP4:
    """A client under implicit TLS, not signed in."""
    return imaplib.IMAP4_SSL(server.host, server.imaps, ssl_context=pki.client_context())


@pytest.mark.parametrize("folder", ["INBOX", "Entwürfe & mehr/Ältere"])
def test_delivered_mail_is_served_over_imap(pki: Pki, mailbox: Mailbox, folder: str) -> None:
    """A message put into any folder comes out byte for byte, also after the folder was read once."""
    mailbox.deliver(MESSAGE, folder)
    name = {"INBOX": "INBOX"}.get(folder, '"Entw&APw-rfe &- mehr/&AMQ-ltere"')
    with imaps(pki, mailbox.server) as client:
        client.login(mailbox.address, mailbox.password)
        assert client.select(name) == ("OK", [b"1"])
        mailbox.deliver(MESSAGE + b"again\r\n", folder)
        client.noop()
        parts = client.fetch("1:*", "(BODY.PEEK[])")[1]
    assert [part[1] for part in parts if isinstance(part, tuple)] == [MESSAGE, MESSAGE + b"again\r\n"]


def test_imap_offers_starttls(pki: Pki, mailbox: Mailbox) -> None:
    """The clear port upgrades; a folder that the client makes is seen on disk."""
    with imaplib.IMAP4(mailbox.server.host, mailbox.server.imap) as client:
        client.starttls(pki.client_context())
        client.login(mailbox.address, mailbox.password)
        client.create("Done")
        client.append("Done", "", "", MESSAGE)
    assert mailbox.messages("Done") == [MESSAGE]


def test_pop3_offers_stls(pki: Pki, mailbox: Mailbox) -> None:
    """A message read and deleted over POP3 is gone from disk after QUIT."""
    mailbox.deliver(MESSAGE)
    client = poplib.POP3(mailbox.server.host, mailbox.server.pop3)
    client.stls(pki.client_context())
    client.user(mailbox.address)
    client.pass_(mailbox.password)
    assert client.retr(1)[1] == MESSAGE.splitlines()
    client.dele(1)
    client.quit()
    assert mailbox.messages() == []


def test_lmtp_delivers(mailbox: Mailbox) -> None:
    """LMTP takes mail for a user."""
    with smtplib.LMTP(mailbox.server.host, mailbox.server.lmtp) as client:
        client.sendmail("sender@example.test", [mailbox.address], MESSAGE)
    assert mailbox.wait_for_messages()[0].endswith(MESSAGE)


def test_a_user_may_have_any_name_and_password(pki: Pki, dovecot: Dovecot) -> None:
    """Letters outside ASCII, spaces, colons and quotes pass through AUTHENTICATE PLAIN."""
    name, password = "müller@example.test", 'pass: "wörd" {x}'
    dovecot.add_user(name, password)
    with imaps(pki, dovecot) as client:
        client.authenticate("PLAIN", Exchange(f"\0{name}\0{password}".encode()))
        assert client.state == "AUTH"


def test_users_are_added_at_once(pki: Pki, dovecot: Dovecot) -> None:
    """A user can sign in as soon as he was added, though another one signed in within the same second."""
    for number in range(5):
        dovecot.add_user(f"quick{number}@example.test", "secret")
        with imaps(pki, dovecot) as client:
            client.login(f"quick{number}@example.test", "secret")


def test_wrong_passwords_do_not_slow_down_the_next_login(pki: Pki, mailbox: Mailbox) -> None:
    """After a failure and an unknown user a good login is not kept waiting for two seconds or more."""
    with imaps(pki, mailbox.server) as client:
        for name in (mailbox.address, "nobody@example.test"):
            with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
                client.login(name, "wrong")
    started = time.monotonic()
    with imaps(pki, mailbox.server) as client:
        client.login(mailbox.address, mailbox.password)
    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(("mechanism", "response"), [("XOAUTH2", xoauth2), ("OAUTHBEARER", oauthbearer)])
def test_imap_takes_tokens(
    pki: Pki, token_issuer: TokenIssuer, mailbox: Mailbox, mechanism: str, response: Callable[[str, str], str]
) -> None:
    """A valid token signs in."""
    valid = base64.b64decode(response(mailbox.address, token_issuer.token(mailbox.address)))
    with imaps(pki, mailbox.server) as client:
        client.authenticate(mechanism, Exchange(valid))
        assert client.state == "AUTH"


@pytest.mark.parametrize("kind", ["forged", "expired", "of somebody else", "with another scope", "no JWT"])
def test_imap_refuses_bad_tokens(pki: Pki, token_issuer: TokenIssuer, mailbox: Mailbox, kind: str) -> None:
    """Every bad token gets the error challenge with a status, then NO."""
    bad = {
        "forged": token_issuer.forged_token(mailbox.address),
        "expired": token_issuer.token(mailbox.address, expires_in=-30),
        "of somebody else": token_issuer.token("other@example.test"),
        "with another scope": token_issuer.token(mailbox.address, scope="calendar"),
        "no JWT": "opaque",
    }[kind]
    exchange = Exchange(base64.b64decode(xoauth2(mailbox.address, bad)), b"")
    with imaps(pki, mailbox.server) as client, pytest.raises(imaplib.IMAP4.error):
        client.authenticate("XOAUTH2", exchange)
    assert json.loads(exchange.challenges[1])["status"] in {"400", "401"}


def test_pop3_takes_tokens(pki: Pki, token_issuer: TokenIssuer, mailbox: Mailbox) -> None:
    """XOAUTH2 in two steps: the token follows the server's `+`."""
    client = poplib.POP3_SSL(mailbox.server.host, mailbox.server.pop3s, context=pki.client_context())
    assert command(client, "AUTH XOAUTH2").startswith(b"+ ")
    assert command(client, xoauth2(mailbox.address, token_issuer.token(mailbox.address))).startswith(b"+OK")
    client.quit()


def test_a_relic_speaks_tls10_only(pki: Pki) -> None:
    """A default client is refused, a legacy client gets TLS 1.0 by STARTTLS and by implicit TLS."""
    with serve_dovecot(pki, tls10_only=True) as server:
        with pytest.raises(ssl.SSLError):
            imaps(pki, server)
        with imaplib.IMAP4_SSL(server.host, server.imaps, ssl_context=pki.legacy_client_context()) as client:
            assert version(client) == "TLSv1"
        with imaplib.IMAP4(server.host, server.imap) as client:
            client.starttls(pki.legacy_client_context())
            assert version(client) == "TLSv1"


@pytest.mark.parametrize("name", ["expired", "wrong_name", "unknown_ca"])
def test_bad_certificates_are_noticed(pki: Pki, name: str) -> None:
    """An instance with one of the bad certificates is refused by a strict client."""
    with serve_dovecot(pki, certificate=getattr(pki, name)) as server, pytest.raises(ssl.SSLCertVerificationError):
        imaps(pki, server)
