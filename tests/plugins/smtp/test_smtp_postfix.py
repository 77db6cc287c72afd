"""Sending through Postfix, read back from the mailboxes of Dovecot."""

import pytest

from mailport.errors import AuthenticationFailed, ConfigurationError, MailportError, Refused, Throttled
from mailport.message import Message
from mailport.receipt import Status
from tests.peers.mailbox import Mailbox
from tests.peers.pki import Pki
from tests.peers.postfix import Postfix
from tests.plugins.smtp.outgoing import account, failure_of, login, message, sending


@pytest.mark.parametrize(("port", "mode"), [("submission", "TLS"), ("smtps", "SSL")])
async def test_a_password_opens_both_kinds_of_tls(pki: Pki, postfix: Postfix, mailbox: Mailbox, port: str, mode: str) -> None:
    """SMTP signs in with user name and password before sending, over STARTTLS and over implicit TLS.  # SND-01"""
    async with sending(login(postfix.ports[port], mailbox, pki=pki, use_ssl_tls=mode)) as sender:
        receipt = await sender.send(message(mailbox.address))
    assert receipt.accepted
    assert receipt.provider_id
    assert mailbox.wait_for_messages()[0].endswith(b"\r\n\r\nHello\r\n")


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ("expired", ("tls.certificate_expired", "host")),
        ("wrong_name", ("tls.certificate_name", "host")),
        ("unknown_ca", ("tls.certificate_authority", "ca_certificates")),
        ("tls10", ("tls.version", "minimum_tls_version")),
    ],
)
async def test_bad_tls_says_what_is_wrong(
    pki: Pki, postfix: Postfix, mailbox: Mailbox, port: str, expected: tuple[str, str]
) -> None:
    """A certificate that does not hold is refused before a password is sent, each kind with its own text.  # SEC-02"""
    error = await failure_of(login(postfix.ports[port], mailbox, pki=pki))
    assert isinstance(error, ConfigurationError)
    assert (error.code, error.field) == expected


async def test_a_wrong_password_is_told_apart(pki: Pki, postfix: Postfix, mailbox: Mailbox) -> None:
    """A refused login names the password, holds the server's code and never the secret.  # TST-07"""
    error = await failure_of(login(postfix.submission, mailbox, pki=pki, password="wrong-password"))
    assert isinstance(error, AuthenticationFailed)
    assert (error.code, error.field) == ("authentication.refused", "password")
    assert (error.provider_code or "").startswith("535")
    assert "wrong-password" not in str(error.as_dict())


async def test_a_client_certificate_stands_for_a_login(pki: Pki, postfix: Postfix, mailbox: Mailbox) -> None:
    """A server that asks for a certificate in the handshake gets the account's."""
    values = {"use_ssl_tls": "TLS", "ca_certificates": pki.ca_pem, "client_certificate": pki.client.read_text()}
    async with sending(account(postfix.client_cert, **values)) as sender:
        assert (await sender.send(message(mailbox.address))).accepted


async def test_each_recipient_has_a_result(postfix: Postfix, mailbox: Mailbox) -> None:
    """One transaction tells what became of each recipient; partial success is a receipt."""
    others = ["rejected@example.test", "deferred@example.test", "full@example.test"]
    async with sending(account(postfix.plain)) as sender:
        receipt = await sender.send(message(mailbox.address, *others))
    codes = {result.address: (result.status, result.reply_code, result.enhanced_code) for result in receipt.recipients}
    assert codes == {
        mailbox.address: (Status.ACCEPTED, 250, "2.0.0"),
        "rejected@example.test": (Status.REFUSED, 550, "5.1.1"),
        "deferred@example.test": (Status.DEFERRED, 451, "4.3.0"),
        "full@example.test": (Status.DEFERRED, 452, "4.2.2"),
    }


@pytest.mark.parametrize(
    ("to", "kind", "code"),
    [
        (["rejected@example.test"], Refused, "send.no_such_address"),
        (["forbidden@example.test", "rejected@example.test"], Refused, "send.refused"),
        (["rejected@example.test", "deferred@example.test"], Throttled, "send.deferred"),
    ],
)
async def test_nobody_accepted(postfix: Postfix, mailbox: Mailbox, to: list[str], kind: type[MailportError], code: str) -> None:
    """When nobody may have the message it is Refused, or Throttled as soon as one may get it later; the session goes on."""
    async with sending(account(postfix.plain)) as sender:
        with pytest.raises(kind) as caught:
            await sender.send(message(*to))
        assert (await sender.send(message(mailbox.address))).accepted
    assert isinstance(caught.value, MailportError)
    assert caught.value.code == code
    assert caught.value.receipt is not None
    assert [result.address for result in caught.value.receipt.recipients] == to


async def test_a_message_that_is_too_large_is_not_uploaded(postfix: Postfix) -> None:
    """The server's limit is compared before anything is written; the remedy names it."""
    error = await failure_of(account(postfix.small), message(text="x" * 70 + "\n" + "y\n" * 60_000))
    assert isinstance(error, Refused)
    assert (error.code, error.field) == ("send.too_large", None)
    assert "100000" in error.remedy


@pytest.mark.parametrize("port", ["plain", "no_8bitmime"])
async def test_texts_in_any_language_arrive(postfix: Postfix, mailbox: Mailbox, port: str) -> None:
    """Names, subject and text outside ASCII arrive unharmed, also where the server takes seven bits only."""
    sent = message(f"Zoë Müller <{mailbox.address}>", subject="Grüße", text="Schöne Grüße aus Köln, 你好\n")
    async with sending(account(postfix.ports[port])) as sender:
        await sender.send(sent)
    read = Message.read(mailbox.wait_for_messages()[0])
    assert (read.subject, read.text, read.to[0].display_name) == (sent.subject, sent.text, "Zoë Müller")


async def test_an_international_address_arrives(dovecot: object, postfix: Postfix) -> None:
    """A local part outside ASCII travels by SMTPUTF8, and only to servers that offer it."""
    mailbox = Mailbox(dovecot, "zoë@example.test", "x")  # type: ignore[arg-type]
    async with sending(account(postfix.plain)) as sender:
        await sender.send(message(mailbox.address))
    assert "zoë@example.test".encode() in mailbox.wait_for_messages()[0]
    error = await failure_of(account(postfix.no_8bitmime), message(mailbox.address))
    assert error.code == "send.smtputf8"
    assert mailbox.address in str(error)


async def test_a_password_in_any_language_is_accepted(pki: Pki, dovecot: object, postfix: Postfix) -> None:
    """Login and password are sent as UTF-8."""
    mailbox = Mailbox(dovecot, "jürgen@example.test", "pässwörd 密码")  # type: ignore[arg-type]
    mailbox.server.add_user(mailbox.address, mailbox.password)
    async with sending(login(postfix.submission, mailbox, pki=pki, user_name="ann@example.test", login=mailbox.address)):
        pass


async def test_bcc_and_bytes_are_kept_apart(postfix: Postfix, mailbox: Mailbox) -> None:
    """A message that was read leaves as its bytes, dots and all, except that nobody learns of the Bcc."""
    raw = b"From: a@example.test\r\nBcc: %s\r\nSubject: =?utf-8?q?x?=\r\n\r\n.\r\n..dots\r\n" % mailbox.address.encode()
    async with sending(account(postfix.plain)) as sender:
        await sender.send(Message.read(raw))
    (arrived,) = mailbox.wait_for_messages()
    assert arrived.endswith(b"From: a@example.test\r\nSubject: =?utf-8?q?x?=\r\n\r\n.\r\n..dots\r\n")
