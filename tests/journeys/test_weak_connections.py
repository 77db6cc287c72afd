"""A connection that is less safe than usual is a choice of its account, and is told."""

import logging

import pytest

from mailport import Mailport, Message
from tests.peers.scripted_smtp import ScriptedSmtp

USER, CANARY = "ann@example.test", "canary-password-of-ann"
MAIL = {"host": "mail.example.test", "user_name": USER, "password": CANARY}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"protocol": "smtp"}, ()),
        ({"protocol": "smtp", "minimum_tls_version": "1.1"}, ("allows TLS 1.1",)),
        ({"protocol": "smtp", "use_ssl_tls": "none"}, ("credentials travel without encryption",)),
        ({"protocol": "imap"}, ()),
        ({"protocol": "imap", "email_component_type": "basic"}, ("speaks TLS 1.0, and checks certificates less strictly",)),
    ],
)
def test_an_account_says_what_weakens_it(values, told):  # SEC-02
    """Nothing of the default does."""
    direction = "outgoing" if values["protocol"] == "smtp" else "incoming"
    assert Mailport(allow_legacy_tls=True).account(MAIL | values, direction).weaknesses == told


async def test_a_weak_account_is_logged_once(caplog):  # SEC-02
    """The log names the account when it is first used, and not again; it shows no secret."""
    with caplog.at_level(logging.WARNING, "mailport"), ScriptedSmtp() as server:
        weak = MAIL | {"protocol": "smtp", "host": "127.0.0.1", "port": server.port, "use_ssl_tls": "none"}
        async with Mailport() as mail:
            account = mail.account(weak)
            await mail.submit(Message.compose(sender=USER, to=USER, subject="x"), account)
            await mail.test_connection(account)
    assert [record.getMessage() for record in caplog.records] == [f"{USER} (smtp) credentials travel without encryption"]
    assert CANARY not in caplog.text
