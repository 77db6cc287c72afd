"""Account files: TOML with the names of the settings, and secrets that stand elsewhere."""

import pytest

from mailport import ConfigurationError, Direction
from mailport.account_file import AccountFile
from tests.core.conftest import ANN

GOOD = f'protocol = "memory"\nuser_name = "{ANN}"\npassword = {{ env = "SECRET" }}\n'


@pytest.fixture
def write(tmp_path):
    """Write an account file and return its path."""

    def write(content=GOOD, name="account.toml"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def read(path, **environ):
    return AccountFile.read(path, environ or {"SECRET": "from-the-environment"})


def failure(path, **environ):
    with pytest.raises(ConfigurationError) as caught:
        read(path, **environ)
    assert str(path) in caught.value.message
    return caught.value


def test_a_secret_comes_from_the_environment(write):
    """``{ env = ... }`` is replaced by the variable's value, and is no literal."""
    file = read(write())
    assert file.values["password"] == "from-the-environment"
    assert file.referred == {"password"}


@pytest.mark.parametrize(("content", "value"), [("s3\n", "s3"), ("s3\r\n", "s3"), ("s3", "s3"), (" s3 \n\n", " s3 \n")])
def test_a_secret_comes_from_a_file_beside_the_account_file(write, tmp_path, content, value):
    """The path is relative to the account file; one line end at the end is not part of the secret."""
    (tmp_path / "secret").write_bytes(content.encode())
    assert read(write('protocol = "memory"\npassword = { file = "secret" }')).values["password"] == value


def test_other_fields_and_a_byte_order_mark_are_fine(write, tmp_path):
    """A certificate may stand in a file of its own; editors may begin a file with a mark."""
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----")
    values = read(write(b'\xef\xbb\xbfprotocol = "smtp"\nca_certificates = { file = "ca.pem" }')).values
    assert values == {"protocol": "smtp", "ca_certificates": "-----BEGIN CERTIFICATE-----"}


def test_it_becomes_an_account(write, mail, monkeypatch):
    """The host validates the values; its own fields stand in a table."""
    file = read(write(GOOD + 'direction = "incoming"\n[custom]\nteam = "desk"\n'))
    account = file.account(mail)
    assert (account.direction, account.custom, account.user_name) == (Direction.INCOMING, {"team": "desk"}, ANN)
    assert file.account(mail, "outgoing").direction is Direction.OUTGOING
    assert file.literal_secrets(mail.protocol("memory")) == ()


def test_a_secret_in_the_file_is_named(write, mail):
    """A literal works; who reads the file can warn about it."""
    file = read(write(GOOD.replace('{ env = "SECRET" }', '"literal"')))
    assert file.account(mail).settings.password.get_secret_value() == "literal"
    assert file.literal_secrets(mail.protocol("memory")) == ("password",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('protocol = "memory"\nuser_name = ann\n', "line 2"),
        (b"\x00\xff\xfe\x9d junk \x80", "no text in UTF-8"),
        (b"\x7fELF\x02\x01\x01", "no TOML"),
        ("x = " + "[" * 20_000, "no TOML"),
        (b"#" * (2 << 20), "larger than 1 MB"),
        ("custom = 5", "custom"),
    ],
)
def test_what_is_no_toml_is_said_with_its_line(write, content, said):
    """Whatever the file holds, one error names the file and the place."""
    assert said in failure(write(content)).message


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """Missing, a folder, a name that no file can have."""
    assert "No such file" in failure(tmp_path / "missing.toml").message
    assert "directory" in failure(tmp_path).message
    assert failure(tmp_path / "nul\0.toml").code == "settings.file"


@pytest.mark.parametrize(("environ", "state"), [({"OTHER": "x"}, "not set"), ({"SECRET": ""}, "empty")])
def test_a_missing_variable_is_named_with_its_field(write, environ, state):
    """The error names file, field and variable, and the code says what kind it is."""
    error = failure(write(), **environ)
    assert (error.field, error.code) == ("password", "settings.secret_missing")
    assert f"SECRET is {state}" in error.message


def test_a_missing_secret_file_is_named_with_its_field(write, tmp_path):
    """The error names both files and the field."""
    error = failure(write('password = { file = "nowhere" }'))
    assert error.field == "password"
    assert str(tmp_path / "nowhere") in error.message


@pytest.mark.parametrize("reference", ["{}", "{ env = 1 }", '{ env = "A", file = "b" }', '{ vault = "x" }'])
def test_another_table_is_refused(write, reference):
    """A reference has one of two forms; anything else is an error at the field."""
    error = failure(write(f"password = {reference}"))
    assert (error.field, error.code) == ("password", "settings.reference")


@pytest.mark.parametrize(
    ("content", "field", "said"),
    [
        ("user_name = 1", "protocol", "required"),
        ('protocol = "memori"', "protocol", "no protocol"),
        (GOOD + 'direction = "sideways"', "direction", "sideways"),
        (GOOD + 'pasword = "x"', "pasword", "no field “pasword”"),
        (GOOD + "send_mail_timeout = 0", "send_mail_timeout", "Send Mail Timeout"),
        ('protocol = "memory"\npassword = "x"', "user_name", "required"),
        ('protocol = "memory"\npassword = "x"\nuser_name = "ann@example.org\\r\\nBcc: x@y.z"', "user_name", "line break"),
    ],
)
def test_a_wrong_value_is_said_with_file_and_field(write, mail, content, field, said):  # OUT-19, OUT-21, SEC-05
    """Validation errors name the file as well as the field."""
    path = write(content)
    with pytest.raises(ConfigurationError) as caught:
        read(path).account(mail)
    assert caught.value.field == field
    assert said in caught.value.message
    assert str(path) in caught.value.message
