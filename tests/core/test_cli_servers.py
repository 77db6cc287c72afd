"""The command line over Postfix and Dovecot: mail goes out and comes back."""

import pytest

pytest.importorskip("mailport_smtp")
pytest_plugins = ["tests.core.cli_kit"]

MESSAGE = "From: {0}\nTo: {1}\nSubject: Grüße an alle\nMessage-ID: <{2}@example.test>"


@pytest.fixture
def account(pki, mailbox, tmp_path):
    """Write an account file of the mailbox; its password stands in a file beside it."""
    (tmp_path / "password").write_text(mailbox.password + "\n")

    def write(protocol, port, **more):
        values = {"protocol": protocol, "host": "localhost", "port": port, "user_name": mailbox.address} | more
        lines = [f"{name} = {value!r}" for name, value in values.items()]
        lines += ['password = { file = "password" }', f'ca_certificates = {{ file = "{pki.ca}" }}']
        path = tmp_path / f"{protocol}.toml"
        path.write_text("\n".join(lines))
        return path

    return write


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_mail_that_was_sent_is_read_back(run, answer, account, eml, tmp_path, *, mailbox, postfix, dovecot, protocol):
    """Sent by SMTP with STARTTLS, saved by IMAP or POP3, deleted afterwards, and not fetched again."""
    path = eml(headers=MESSAGE.format(mailbox.address, mailbox.address, protocol), body="Hällo\n.\n")
    sent = run("send", account("smtp", postfix.submission), path)
    assert (sent.exit_code, sent.stderr) == (0, "")
    mailbox.wait_for_messages()
    inbox = account(protocol, dovecot.ports[protocol])
    options = ["--save", tmp_path / "out", "--cursor", tmp_path / "cursor.json", "--then", "delete"]
    code, document = answer("receive", inbox, *options)
    (message,) = document["messages"]
    assert (code, message["state"], message["then"]["done"]) == (0, "saved", True)
    assert (message["subject"], message["message_id"]) == ("Grüße an alle", f"<{protocol}@example.test>")
    assert (tmp_path / "out").joinpath(message["file"]).read_bytes().endswith("\r\n\r\nHällo\r\n.\r\n".encode())
    assert mailbox.messages() == []
    assert answer("receive", inbox, *options)[1]["messages"] == []


def test_several_recipients_are_told_apart(run, account, eml, mailbox, postfix):
    """One of them is refused by the server: its words stand beside the address, and the exit code says so."""
    path = eml(headers=f"From: {mailbox.address}\nTo: {mailbox.address}, no-such-user@elsewhere.invalid\nSubject: x")
    result = run("send", account("smtp", postfix.submission), path)
    assert result.exit_code == 6
    lines = {line.split("\t")[1]: line.split("\t")[2:] for line in result.stdout.splitlines()}
    assert lines[mailbox.address][0] == "accepted"
    assert lines["no-such-user@elsewhere.invalid"][0] == "refused"
    assert lines["no-such-user@elsewhere.invalid"][1].startswith("554 ")


def test_the_round_trip_of_a_mailbox(answer, account, postfix, dovecot):  # TST-11
    """One command checks sending, receiving, and that they belong together."""
    code, document = answer("test", account("smtp", postfix.submission), "--round-trip", account("imap", dovecot.ports["imap"]))
    states = {rung["rung"]: rung["state"] for rung in document["rungs"]}
    assert code == 0, document
    assert (states["tls"], states["authentication"], states["send"], states["round_trip"]) == ("passed",) * 4


@pytest.mark.parametrize(
    ("change", "code", "cause"),
    [
        ({"host": "no-such-host.invalid"}, 3, "name.unknown"),
        ({"port": 1}, 5, "connect.refused"),
        ({"login": "somebody-else"}, 4, "authentication.refused"),
        ({"use_ssl_tls": "SSL"}, 3, "tls.not_tls"),
    ],
)
def test_a_wrong_setting_is_named(answer, account, postfix, change, *, code, cause):  # TST-07
    """The first cause, its code, its field and what to do about it."""
    exit_code, document = answer("test", account("smtp", change.pop("port", postfix.submission), **change))
    failed = next(rung for rung in document["rungs"] if rung["state"] == "failed")
    assert (exit_code, failed["code"]) == (code, cause)
    assert failed["remedy"]
    assert failed["field"]


def test_moving_needs_folders(run, account, mailbox, dovecot):  # INB-19
    """IMAP moves to a folder that it creates; POP3 says that it has none."""
    mailbox.deliver(b"Subject: x\r\n\r\nx")
    assert run("receive", account("imap", dovecot.ports["imap"]), "--then", "move:Done").exit_code == 0
    assert len(mailbox.messages("Done")) == 1
    result = run("receive", account("pop3", dovecot.ports["pop3"]), "--then", "move:Done")
    assert (result.exit_code, "POP3 has no action “move”" in result.stderr) == (10, True)
