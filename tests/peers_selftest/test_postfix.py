"""Every port of the Postfix peer behaves as its name says."""

import imaplib
import poplib
import smtplib
import ssl

import pytest

from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki
from tests.peers.postfix import Postfix
from tests.peers.postfix_config import SMALL, VERDICTS
from tests.peers.tokens import TokenIssuer
from tests.peers_selftest.bearer import xoauth2

SENDER = "sender@example.test"
MESSAGE = b"From: sender@example.test\r\nBcc: hidden@example.test\r\nX-Exact: \xc3\xa4\r\n\r\nA line.\r\n.A dot.\r\n"


def starttls(postfix: Postfix, name: str, context: ssl.SSLContext) -> smtplib.SMTP:
    """A client that has upgraded the connection to the port `name`."""
    client = smtplib.SMTP(postfix.host, postfix.ports[name])
    try:
        client.starttls(context=context)
    except BaseException:
        client.close()
        raise
    return client


def authenticated(pki: Pki, postfix: Postfix, mailbox: Mailbox) -> smtplib.SMTP:
    """A client of the submission port that has signed in."""
    client = starttls(postfix, "submission", pki.client_context())
    client.login(mailbox.address, mailbox.password)
    return client


def test_submission_delivers_into_the_mailbox(pki: Pki, postfix: Postfix, mailbox: Mailbox) -> None:
    """A message sent after AUTH arrives byte for byte below the trace headers, even a Bcc that leaked."""
    with authenticated(pki, postfix, mailbox) as client:
        assert client.sendmail(SENDER, [mailbox.address], MESSAGE) == {}
    assert mailbox.wait_for_messages()[0].endswith(MESSAGE)


@pytest.mark.parametrize("name", ["plain", "no_8bitmime", "small"])
def test_clear_ports_need_no_password(postfix: Postfix, mailbox: Mailbox, name: str) -> None:
    """The ports without TLS deliver what anybody sends, and offer neither STARTTLS nor AUTH."""
    with smtplib.SMTP(postfix.host, postfix.ports[name]) as client:
        client.sendmail(SENDER, [mailbox.address], MESSAGE)
        assert not {"starttls", "auth"} & client.esmtp_features.keys()
    assert len(mailbox.wait_for_messages()) == 1


def test_sent_mail_is_read_over_imap_and_pop3(pki: Pki, postfix: Postfix, mailbox: Mailbox) -> None:
    """What implicit TLS took is served by both protocols of the other peer."""
    with smtplib.SMTP_SSL(postfix.host, postfix.smtps, context=pki.client_context()) as client:
        client.login(mailbox.address, mailbox.password)
        client.sendmail(SENDER, [mailbox.address], MESSAGE)
    stored = mailbox.wait_for_messages()[0]
    with imaplib.IMAP4_SSL(mailbox.server.host, mailbox.server.imaps, ssl_context=pki.client_context()) as imap:
        imap.login(mailbox.address, mailbox.password)
        imap.select()
        assert imap.fetch("1", "(BODY.PEEK[])")[1][0][1] == stored  # type: ignore[index]
    pop3 = poplib.POP3_SSL(mailbox.server.host, mailbox.server.pop3s, context=pki.client_context())
    pop3.user(mailbox.address)
    pop3.pass_(mailbox.password)
    assert b"\r\n".join(pop3.retr(1)[1]) + b"\r\n" == stored
    pop3.quit()


def test_some_recipients_are_refused(postfix: Postfix, mailbox: Mailbox) -> None:
    """One transaction reaches the good recipient and names the verdict for each of the others."""
    with smtplib.SMTP(postfix.host, postfix.plain) as client:
        refused = client.sendmail(SENDER, [*VERDICTS, mailbox.address], MESSAGE)
    assert {name: code for name, (code, _) in refused.items()} == {name: int(v[:3]) for name, v in VERDICTS.items()}
    assert len(mailbox.wait_for_messages()) == 1


def test_submission_refuses_strangers(pki: Pki, postfix: Postfix, mailbox: Mailbox) -> None:
    """Before AUTH no recipient is accepted, and a wrong password is 535."""
    with starttls(postfix, "submission", pki.client_context()) as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="554"):
            client.sendmail(SENDER, [mailbox.address], MESSAGE)
        with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
            client.login(mailbox.address, "wrong")


def test_submission_offers_no_auth_before_tls(postfix: Postfix) -> None:
    """A password cannot be sent in clear text."""
    with smtplib.SMTP(postfix.host, postfix.submission) as client:
        client.ehlo()
        assert "starttls" in client.esmtp_features
        assert "auth" not in client.esmtp_features


def test_submission_takes_tokens(pki: Pki, postfix: Postfix, token_issuer: TokenIssuer, mailbox: Mailbox) -> None:
    """XOAUTH2 works with a valid token; a forged one is 535 once the client has answered the challenge."""
    with starttls(postfix, "submission", pki.client_context()) as client:
        client.ehlo()
        forged, valid = token_issuer.forged_token(mailbox.address), token_issuer.token(mailbox.address)
        assert client.docmd("AUTH", f"XOAUTH2 {xoauth2(mailbox.address, forged)}")[0] == 334
        assert client.docmd("")[0] == 535
        assert client.docmd("AUTH", f"XOAUTH2 {xoauth2(mailbox.address, valid)}")[0] == 235


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("expired", "certificate has expired"),
        ("wrong_name", "IP address mismatch"),
        ("unknown_ca", "unable to get local issuer certificate"),
    ],
)
def test_bad_certificates_are_noticed(pki: Pki, postfix: Postfix, name: str, problem: str) -> None:
    """A strict client refuses each certificate for the reason that the port is named after."""
    with pytest.raises(ssl.SSLCertVerificationError, match=problem):
        starttls(postfix, name, pki.client_context())


def test_tls10_wants_a_legacy_client(pki: Pki, postfix: Postfix) -> None:
    """The port for TLS 1.0 refuses a default client and serves one that goes down to TLS 1.0."""
    with pytest.raises(ssl.SSLError, match=r"PROTOCOL_VERSION|legacy sigalg"):
        starttls(postfix, "tls10", pki.client_context())
    with starttls(postfix, "tls10", pki.legacy_client_context()) as client:
        assert client.sock.version() in {"TLSv1", "TLSv1.1"}  # type: ignore[union-attr]


def test_client_certificate_is_demanded(pki: Pki, postfix: Postfix, mailbox: Mailbox) -> None:
    """Without a certificate of our authority the session fails, with it no password is needed."""
    with pytest.raises(smtplib.SMTPException), starttls(postfix, "client_cert", pki.client_context()) as client:
        client.sendmail(SENDER, [mailbox.address], MESSAGE)
    context = pki.client_context()
    context.load_cert_chain(pki.client)
    with starttls(postfix, "client_cert", context) as client:
        assert client.sendmail(SENDER, [mailbox.address], MESSAGE) == {}


def test_no_8bitmime_hides_the_extensions(postfix: Postfix) -> None:
    """Hardly anything is offered: a client must do without."""
    with smtplib.SMTP(postfix.host, postfix.no_8bitmime) as client:
        client.ehlo()
        assert client.esmtp_features.keys() == {"size", "enhancedstatuscodes"}


def test_small_refuses_at_mail_from(postfix: Postfix, mailbox: Mailbox) -> None:
    """The announced SIZE is enforced as soon as the client declares its own."""
    with smtplib.SMTP(postfix.host, postfix.small) as client:
        with pytest.raises(smtplib.SMTPSenderRefused, match="552"):
            client.sendmail(SENDER, [mailbox.address], MESSAGE + b"x" * SMALL)
        assert client.esmtp_features["size"] == str(SMALL)


def test_non_ascii_addresses_are_delivered(postfix: Postfix, mailbox: Mailbox) -> None:
    """SMTPUTF8 reaches the mailbox."""
    with smtplib.SMTP(postfix.host, postfix.plain) as client:
        client.sendmail("sänder@example.test", [f"ü{mailbox.address}"], MESSAGE, ["SMTPUTF8", "BODY=8BITMIME"])
    assert mailbox.server.wait_for_messages(f"ü{mailbox.address}")[0].endswith(MESSAGE)


def test_large_messages_pass(postfix: Postfix, mailbox: Mailbox) -> None:
    """No limit of Postfix or Dovecot stops a message of 20 MB."""
    body = b"0123456789" * 7 + b"\r\n"
    large = MESSAGE + body * (20_000_000 // len(body))
    with smtplib.SMTP(postfix.host, postfix.plain) as client:
        client.sendmail(SENDER, [mailbox.address], large)
    assert mailbox.wait_for_messages()[0].endswith(large)
