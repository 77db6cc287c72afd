"""Accounts: from flat values to validated settings, with errors that point at the field."""

from traceback import format_exception
from typing import Literal

import pytest

from mailport.account import validate, with_stored_secrets
from mailport.errors import ConfigurationError
from mailport.fields import ComponentType, Direction, MailAddress, ProtocolFields, Secret, Settings, setting
from mailport.rules import OutgoingRules


class Server(Settings):
    host: str = setting(label="Host", binds=True)
    port: int = setting(25, label="Port", ge=1, le=65535, binds=True, suggest={"use_ssl_tls": {"SSL": 465}})
    user_name: MailAddress = setting(label="User Name", placeholder="name@example.org", binds=True)


class AuthLogin(Server):
    authentication: Literal["auth_login"] = setting("auth_login", label="Authentication", choices={"auth_login": "AuthLogin"})
    password: Secret = setting(label="Password", min_length=1)


class Modern(Server):
    component_types = frozenset({ComponentType.ADVANCED})
    authentication: Literal["modern"] = setting("modern", label="Authentication", choices={"modern": "Modern"})
    client_id: str = setting(label="Client ID", binds=True)


PROTOCOL = ProtocolFields(key="demo", title="Demo", outgoing=(AuthLogin, Modern), incoming=(AuthLogin, Modern))
GOOD = {"protocol": "demo", "host": "mail.example.org", "user_name": "desk@example.org", "password": "s3cret-canary"}


def outgoing(**changes):
    return validate(PROTOCOL, Direction.OUTGOING, GOOD | changes)


def failure(**changes):
    with pytest.raises(ConfigurationError) as caught:
        outgoing(**changes)
    return caught.value


def test_defaults_fill_what_is_not_given():  # OUT-21
    """An account needs only what has no default; the timeout is 100 seconds."""
    account = outgoing()
    assert (account.settings.port, account.settings.option(), account.timeout) == (25, "auth_login", 100)


@pytest.mark.parametrize("seconds", [1, 1000])
def test_the_timeout_takes_one_to_a_thousand_seconds(seconds):  # OUT-21
    """Whole seconds within the range are accepted."""
    assert outgoing(send_mail_timeout=seconds).timeout == seconds


@pytest.mark.parametrize("seconds", [0, 1001, 1.5, "soon"])
def test_other_timeouts_are_refused_at_the_field(seconds):  # OUT-21
    """Anything else is refused when it is saved."""
    assert failure(send_mail_timeout=seconds).field == "send_mail_timeout"


def test_every_field_at_fault_is_named():
    """One error lists every problem, each with its field."""
    error = failure(port=70000, user_name="desk", password=None, send_mail_timeout=0)
    assert {problem.field for problem in error.problems} == {"port", "user_name", "password", "send_mail_timeout"}
    assert "s3cret-canary" not in str(error.as_dict())


def test_a_value_of_another_option_is_kept_and_ignored():  # OUT-19
    """A field that the chosen option lacks neither fails nor influences the settings."""
    account = outgoing(client_id="abc")
    assert not hasattr(account.settings, "client_id")
    assert account.ignored == {"client_id": "abc"}


def test_a_name_that_nobody_knows_is_an_error_with_a_suggestion():  # OUT-19
    """A misspelt field is not silently dropped."""
    error = failure(pasword="x")
    assert error.field == "pasword"
    assert "“password”" in error.remedy


def test_a_name_of_another_protocol_is_not_one_of_this():
    """It is no misspelt field and none of the host's own: the protocol simply has no such thing."""
    other = ProtocolFields(key="other", title="Other", outgoing=(Modern,))
    mine = ProtocolFields(key="mine", title="Mine", outgoing=(AuthLogin,))
    with pytest.raises(ConfigurationError) as caught:
        validate(mine, Direction.OUTGOING, GOOD | {"client_id": "x"}, [mine, other])
    assert (str(caught.value), caught.value.remedy) == ("Mine has no field “client_id”.", "Remove it.")


@pytest.mark.parametrize(
    ("change", "said", "remedy"),
    [
        ({"port": 70000}, "Port: must be 65535 or less.", "Enter a number from 1 to 65535."),
        ({"port": 0}, "Port: must be 1 or more.", "Enter a number from 1 to 65535."),
        ({"port": "smtp"}, "Port: must be a whole number.", "Enter a number from 1 to 65535."),
        ({"host": 7}, "Host: must be a text.", 'Enter a text; an account file has it in quotes: name = "text".'),
        ({"password": ""}, "Password: must not be empty.", "Enter it in full."),
        ({"user_name": "desk"}, "User Name: “desk” is not a mail address.", "Write it as name@example.org."),
        ({"user_name": ...}, "User Name is required.", "Enter it as in “name@example.org”."),
        ({"block_outgoing_email": "soon"}, "Block Outgoing Email: must be true or false.", "Choose one of them."),
        (
            {"embedded_image_type": "x"},
            "Embedded Image Type: must be one of: 'cid' or 'base64'.",
            "Choose one of them.",
        ),
    ],
)
def test_every_problem_is_a_sentence_with_a_remedy(change, said, remedy):
    """What is wrong is said in our words, not in those of the library that checks, and so is what to do."""
    values = {name: value for name, value in (GOOD | change).items() if value is not ...}
    with pytest.raises(ConfigurationError) as caught:
        validate(PROTOCOL, Direction.OUTGOING, values)
    (problem,) = caught.value.problems
    assert (problem.message, problem.remedy) == (said, remedy)
    assert (caught.value.remedy, caught.value.as_dict()["problems"][0]["remedy"]) == (remedy, remedy)


def test_a_traceback_shows_field_and_remedy():
    """An error that nobody catches says what to do, with the field it had last."""
    error = failure(port=0)
    error.field = "server_port"
    error.add_note("line 7")
    assert "".join(format_exception(error)).endswith(
        "Port: must be 1 or more.\nfield: server_port\nremedy: Enter a number from 1 to 65535.\nline 7\n"
    )


def test_a_hosts_own_fields_live_under_custom():  # CFG-09
    """Custom values pass validation and are given back."""
    assert outgoing(custom={"team": 7}).custom == {"team": 7}


def test_an_authentication_that_is_not_offered_is_refused():
    """The error lists what is offered."""
    error = failure(authentication="kerberos")
    assert error.field == "authentication"
    assert "auth_login, modern" in error.remedy


def test_changing_the_protocol_settles_the_authentication():  # OUT-05
    """An option that the new protocol lacks becomes its default; one that it has stays."""
    assert PROTOCOL.settle(Direction.OUTGOING, "plain") == "auth_login"
    assert PROTOCOL.settle(Direction.OUTGOING, "modern") == "modern"


def test_an_inbox_without_component_type_is_basic():  # CMP-01
    """A stored record without a value is an old one."""
    account = validate(PROTOCOL, Direction.INCOMING, GOOD)
    assert account.component is ComponentType.BASIC


@pytest.mark.parametrize("written", ["Basic", "basic", "Advanced", "advanced"])
def test_component_types_are_basic_and_advanced(written):  # CMP-01
    """Both spellings of either value load."""
    account = validate(PROTOCOL, Direction.INCOMING, GOOD | {"email_component_type": written})
    assert account.component == written.lower()


def test_an_option_that_the_component_type_lacks_is_refused():  # CMP-04
    """The message names the allowed values."""
    with pytest.raises(ConfigurationError, match="does not offer") as caught:
        validate(PROTOCOL, Direction.INCOMING, GOOD | {"authentication": "modern", "client_id": "x"})
    assert caught.value.field == "authentication"
    assert "auth_login" in caught.value.remedy


def test_secrets_are_nowhere_to_be_read():  # CFG-07
    """Neither repr, nor str, nor the key, nor a redacted text shows a secret."""
    account = outgoing()
    assert "s3cret-canary" not in repr(account) + str(account.settings) + account.key
    assert account.redact("535 s3cret-canary czNjcmV0LWNhbmFyeQ==") == "535 •••••• ••••••"


def test_the_key_tells_accounts_apart():
    """Another password or timeout is another session; the same values are the same one."""
    keys = {outgoing().key, outgoing().key, outgoing(password="x").key, outgoing(send_mail_timeout=5).key}
    assert len(keys) == 3


def test_a_stored_secret_serves_an_unsaved_form_that_changed_nothing_else():  # TST-08
    """The form leaves the secret empty, the stored one is used."""
    form = {name: value for name, value in GOOD.items() if name != "password"}
    assert (
        with_stored_secrets(PROTOCOL, Direction.OUTGOING, form | {"send_mail_timeout": 5}, GOOD)["password"] == "s3cret-canary"
    )


@pytest.mark.parametrize("change", [{"host": "evil.example.org"}, {"port": 26}, {"user_name": "x@example.org"}])
def test_a_stored_secret_never_travels_to_another_destination(change):  # TST-08
    """A changed binding field asks for the secret again, at its field."""
    form = {name: value for name, value in GOOD.items() if name != "password"} | change
    with pytest.raises(ConfigurationError, match="entered again") as caught:
        with_stored_secrets(PROTOCOL, Direction.OUTGOING, form, GOOD)
    assert caught.value.field == "password"


def test_the_override_takes_addresses_only():
    """The rules are validated like the settings."""
    assert failure(email_address_override="a@example.org, nobody").field == "email_address_override"
    account = outgoing(email_address_override="a@example.org, b@example.org")
    assert isinstance(account.rules, OutgoingRules)
    assert account.rules.email_address_override == "a@example.org, b@example.org"


def test_a_missing_protocol_names_those_that_are_installed(mail):
    """Who has not chosen learns what there is to choose from."""
    with pytest.raises(ConfigurationError, match="Mail Protocol is required") as caught:
        mail.account({"user_name": "desk@example.org"})
    assert caught.value.remedy == "Choose one of: memory."


def test_a_direction_that_a_protocol_lacks_has_a_remedy():
    """The error says what to choose instead."""
    with pytest.raises(ConfigurationError, match="Mine has no incoming direction") as caught:
        validate(ProtocolFields(key="mine", title="Mine", outgoing=(AuthLogin,)), Direction.INCOMING, GOOD)
    assert caught.value.remedy == "Choose a protocol with incoming mail."
