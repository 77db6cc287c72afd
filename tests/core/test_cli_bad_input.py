"""Bad input ends in one error that names file and field, with the exit code of configuration and without a traceback."""

import json
import os
import subprocess
import sys

import pytest

from tests.core.conftest import ANN

pytest_plugins = ["tests.core.cli_kit"]

SMTP = 'protocol = "smtp"\nhost = "mail.example.org"\nuser_name = "ann@example.org"\npassword = { env = "PASSWORD_OF_ANN" }\n'


@pytest.fixture
def refused(run):
    """Run a command that must be refused; return what it says."""

    def refused(*words, field=None):
        result = run(*words)
        assert (result.exit_code, result.stdout) == (3, "")
        assert result.stderr.count("error: ") == 1
        assert "Traceback" not in result.stderr
        if field:
            assert f"\n  field: {field}\n" in result.stderr
        return result.stderr

    return refused


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'protocol = "memory"\nuser_name =\n', "line 2"),
        (bytes(range(256)) * 8, "no text in UTF-8.\n  remedy: Check that this is the file you mean"),
        (b"\x7fELF\x01\x01\x01\x00", "This is no TOML"),
    ],
)
@pytest.mark.parametrize("command", ["send", "test", "receive"])
def test_a_malformed_account_file(refused, account, eml, command, content, *, said):
    """Every command that reads one says where the fault lies."""
    write(account, content)
    shown = refused(command, account, *([eml()] if command == "send" else []))
    assert str(account) in shown
    assert said in shown


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ('protocol = "memori"', "protocol", "There is no protocol “memori”"),
        ("pasword = 'x'", "pasword", "Did you mean “password”?"),
        ("user_name = 'ann'", "user_name", "is not a mail address"),
        ("user_name = 'ann\\u0007@example.org'", "user_name", "control character"),
        ('user_name = "ann@example.org\\r\\nBcc: eve@example.org"', "user_name", "line break"),
        ("custom = 1", "custom", "no table"),
        ("password = { env = 'NOT_SET_ANYWHERE' }", "password", "NOT_SET_ANYWHERE is not set"),
        ("send_mail_timeout = 1001", "send_mail_timeout", "1000"),
    ],
)
def test_a_wrong_field(refused, account, eml, change, field, *, said):  # OUT-19, OUT-18
    """The error names the file, the field, and what would be right."""
    name = change.partition(" =")[0]
    lines = [line for line in account.read_text().splitlines() if not line.startswith(f"{name} =")]
    account.write_text("\n".join([change.replace("'", '"'), *lines]))
    shown = refused("send", account, eml(), field=field)
    assert f"{account}: " in shown
    assert said in shown


def test_several_wrong_fields_stand_one_per_line(refused, account, eml):
    """Each problem has a line of its own: field, what is wrong, what to do."""
    account.write_text(account.read_text() + "send_mail_timeout = 0\npasword = 'x'\n")
    lines = refused("send", account, eml()).splitlines()
    assert lines[-3:] == [
        f"error: {account}: 2 settings are wrong.",
        "  pasword: There is no field “pasword”. Did you mean “password”?",
        "  send_mail_timeout: Send Mail Timeout: must be 1 or more. Enter a number from 1 to 1000.",
    ]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"mail.example.org"', '"https://mail.example.org/"', "host"),
        ('"mail.example.org"', '"mail.example.org:25"', "host"),
        ('host = "mail.example.org"', 'host = "mail.example.org"\nport = 70000', "port"),
        ('host = "mail.example.org"\n', "", "host"),
        ('"smtp"', '"smtp"\nauthentication = "kerberos"', "authentication"),
    ],
)
def test_a_wrong_server(refused, account, eml, old, new, *, field):  # OUT-10
    """A URL for a host, a port beyond the last one, a required field that is missing."""
    pytest.importorskip("mailport_smtp")
    account.write_text(SMTP.replace(old, new))
    assert str(account) in refused("send", account, eml(), field=field)


@pytest.mark.parametrize(
    ("content", "field", "said"),
    [
        (b"", None, "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", None, "this is no mail"),
        (b"just text\n", None, "this is no mail"),
        (b"\xef\xbb\xbfTo: bob@example.org\n\nx", None, "Save it without byte order mark"),
        (f"From: {ANN}\nTo: bob@example.org\n\nx".encode("utf-16"), None, "text in UTF-16"),
        (f"From {ANN} Mon Nov  2 09:15:00 2026\nFrom: {ANN}\nTo: bob@example.org\n\nx".encode(), None, "Remove that line"),
        (b"To: bob@example.org\nSubject: x\n\nx", "from", "no From address"),
        (b"From: \nTo: bob@example.org\n\nx", "from", "no From address"),
        (f"From: {ANN}\nSubject: x\n\nx".encode(), "to", "no recipient"),
        (f"From: {ANN}\nTo: undisclosed-recipients:;\n\nx".encode(), "to", "no recipient"),
        (f"From: {ANN}\nTo: bob@example.org\nSubject: a\rBcc: eve@example.org\n\nx".encode(), "subject", "line break"),
        (f"From: {ANN}\nTo: bob@example.org\nX-A: a\0b\n\nx".encode(), "x-a", "NUL"),
        (f"From: {ANN}\nTo: bob@example.org, bo\x01b@example.org\n\nx".encode(), "to", "control character"),
        (f"From: {ANN}\nTo: bob@example.org\nCc: nobody\n\nx".encode(), "cc", "is not a mail address"),
        (f"From: {ANN}\nTo: bob@example.org, Bob Miller bob\n\nx".encode(), "to", "mail address"),
    ],
)
def test_a_message_that_cannot_be_sent(refused, account, eml, installed_memory, *, content, field, said):  # SEC-05
    """An address that is not understood would silently get no mail: the message is refused instead."""
    path = write(eml(), content)
    shown = refused("send", account, path, field=field)
    assert f"error: {path}: " in shown
    assert said in shown
    assert installed_memory.accepted == []


@pytest.mark.parametrize(
    "header",
    ["Team: a@example.org, b@example.org;", '"x, y; (z" <a@example.org>; b@example.org', "a@example.org (A), b@example.org,"],
)
def test_unusual_address_lists_are_understood(run, account, eml, installed_memory, header):
    """Groups, quoted commas, comments and a comma too many are no reason to refuse."""
    assert run("send", account, eml(headers=f"From: {ANN}\nTo: {header}")).exit_code == 0
    assert installed_memory.accepted[0].envelope_to == ("a@example.org", "b@example.org")


def test_an_encoded_name_adds_no_recipient(run, account, eml, installed_memory):
    """What a display name says once it is decoded is a name, also where it looks like an address."""
    header = "=?utf-8?q?eve=40example=2Enet=2C?= <bob@example.org>, =?utf-8?q?M=C3=BCller=2C_Ann?= <ann@example.org>"
    assert run("send", account, eml(headers=f"From: {ANN}\nTo: {header}")).exit_code == 0
    assert installed_memory.accepted[0].envelope_to == ("bob@example.org", "ann@example.org")


def test_a_message_file_that_is_none(refused, account, tmp_path):
    """Missing, a folder, a device."""
    assert "No such file" in refused("send", account, tmp_path / "missing.eml")
    assert "folder" in refused("send", account, tmp_path)
    assert "no regular file" in refused("send", account, "/dev/null")


def test_a_file_that_nobody_may_read(account):
    """It is an error of configuration with a remedy, not one of usage, also for JSON."""
    account.chmod(0)
    # Without these two capabilities root is as everybody.
    lowered = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    command = [*lowered, sys.executable, "-m", "mailport", "receive", account, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["code"]) == (3, "settings.file")
    assert "Permission denied" in json.loads(done.stdout)["message"]


def test_an_account_that_goes_the_other_way(refused, account, eml):
    """Sending through an inbox, receiving through an outgoing server."""
    pytest.importorskip("mailport_smtp")
    account.write_text(SMTP.replace("smtp", "imap"))
    assert "IMAP has no outgoing direction" in refused("send", account, eml(), field="protocol")
    account.write_text(SMTP)
    assert "SMTP has no incoming direction" in refused("receive", account, field="protocol")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no JSON"),
        ("not json", "holds no JSON"),
        (b"\xff\xfe", "holds no JSON"),
        ("[1, 2]", "holds no cursor"),
        ('{"cursor": 1}', "holds no cursor"),
        ('{"protocol": "pop3", "user_name": "eve@example.org", "cursor": 1}', "belongs to eve@example.org by pop3"),
    ],
)
def test_a_cursor_file_that_is_none(refused, account, tmp_path, content, said):
    """It is never overwritten: the error says what to do."""
    cursor = write(tmp_path / "cursor.json", content)
    before = cursor.read_bytes()
    shown = refused("receive", account, "--cursor", cursor, field="--cursor")
    assert f"{cursor} {said}" in shown
    assert ("remove this one" in shown) is ("belongs" in said)  # never an account file that was named by mistake
    assert cursor.read_bytes() == before


def test_places_that_cannot_be_written(refused, account, tmp_path):
    """They are refused before anything is fetched."""
    for option, place in [("--save", account / "out"), ("--save", account), ("--cursor", tmp_path / "no" / "cursor.json")]:
        assert str(place) in refused("receive", account, option, place, field=option)
    refused("receive", account, "--cursor", tmp_path, field="--cursor")
