"""The settings of Gmail."""

import json
import subprocess
import sys
from base64 import b64encode
from textwrap import wrap
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailport.account import Account, validate
from mailport.errors import ConfigurationError
from mailport.fields import ComponentType, Direction
from mailport.forms import form_fields
from mailport_google.fields import PROTOCOL
from mailport_google.private_key import normalised
from tests.plugins.google.conftest import SERVICE_ACCOUNT, Google


def problem(google: Google, direction: Direction = Direction.OUTGOING, **changes: Any) -> tuple[str | None, str]:
    """The field and the text of the error that these settings lead to."""
    with pytest.raises(ConfigurationError) as caught:
        validate(PROTOCOL, direction, google.values(**changes))
    assert (changes.get("private_key") or "-----BEGIN") not in str(caught.value)
    return caught.value.field, str(caught.value)


def key_of(account: Account) -> str:
    return str(account.settings.private_key.get_secret_value())  # type: ignore[attr-defined]


def key_file(google: Google, **changes: Any) -> str:
    """A JSON key file as Google offers it for download."""
    facts = {"type": "service_account", "client_email": SERVICE_ACCOUNT, "private_key": google.private_key}
    return json.dumps(facts | {"token_uri": "https://elsewhere.example.test/token"} | changes, indent=2)


# OUT-12
def test_every_form_of_the_key_is_the_same_key(google: Google) -> None:
    """PEM, PEM with escaped, Windows or lost line ends, and a whole JSON key file give one equal PEM."""
    pem = google.private_key
    forms = [
        pem,
        pem.replace("\n", "\\n"),
        pem.replace("\n", "\r\n"),
        pem.replace("\n", "\\r\\n"),
        pem.replace("\n", " "),
        json.dumps(pem),
        f"\n  {pem}\n",
        key_file(google),
        "  " + key_file(google).replace("\n", "\r\n"),
    ]
    keys = {key_of(google.account(private_key=form)) for form in forms}
    assert keys == {pem}


# OUT-12
def test_a_key_file_decides_nothing_but_the_key(google: Google) -> None:
    """The token endpoint in a pasted key file is ignored: it would send our assertion elsewhere."""
    account = google.account(private_key=key_file(google))
    assert account.settings.token_url == google.tokens.token_url  # type: ignore[attr-defined]


@given(st.binary(min_size=30, max_size=2000), st.sampled_from(["PRIVATE KEY", "RSA PRIVATE KEY"]), st.integers(1, 100))
def test_any_folding_is_undone(content: bytes, label: str, width: int) -> None:
    """However the base64 is folded, the result is folded at 64 characters, and normal form stays normal."""
    body = b64encode(content).decode()
    folded = "\n".join([f"-----BEGIN {label}-----", *wrap(body, width), f"-----END {label}-----"])
    once = normalised(folded, "")
    assert once == normalised(once, "") == normalised(once.replace("\n", "\\n"), "")
    assert all(len(line) <= 64 for line in once.splitlines())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "PEM form"),
        ("not a key at all", "PEM form"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA", "PEM form"),
        ("-----BEGIN PRIVATE KEY-----\nA*AA\n-----END PRIVATE KEY-----", "not base64"),
        ("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", "not base64"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----", "passphrase"),
        ('{"private_key": ', "JSON key file"),
        ('{"web": {"client_secret": "x"}}', "without a private key"),
    ],
)
def test_what_is_no_key_is_told(google: Google, text: str, said: str) -> None:
    """A text that is no key is refused at its field, in words that do not show it."""
    field, message = problem(google, private_key=text)
    assert field == "private_key"
    assert said in message


def test_a_key_file_of_another_account_is_told(google: Google) -> None:
    """A key file says whose it is; another Service Account Address is refused before Google refuses it."""
    text = key_file(google, client_email="other@project.iam.gserviceaccount.com")
    assert problem(google, private_key=text)[0] == "private_key"


# OUT-03
@pytest.mark.parametrize("direction", list(Direction))
def test_auth_login_is_the_only_choice(direction: Direction) -> None:
    """Google offers AuthLogin and nothing else, for inboxes with component type Advanced only."""
    assert PROTOCOL.options(direction) == ("auth_login",)
    assert PROTOCOL.options(direction, ComponentType.BASIC) == ()


# OUT-08 OUT-11 OUT-13 OUT-15 OUT-17 OUT-18
def test_the_fields_are_googles(google: Google) -> None:
    """Service Account Address, Private Key and User Name are shown and required; no host, port, password or client field is."""
    drawn = {field["name"]: field for field in form_fields(PROTOCOL, Direction.OUTGOING)}
    required = {name for name, field in drawn.items() if field.get("required_when")}
    assert {"service_account_address", "private_key", "user_name"} <= required
    assert not {"host", "port", "use_ssl_tls", "password"} & set(drawn)
    assert not {name for name in drawn if name.startswith("client_")}
    for name in ("service_account_address", "private_key", "user_name"):
        with pytest.raises(ConfigurationError) as caught:
            validate(PROTOCOL, Direction.OUTGOING, {k: v for k, v in google.values().items() if k != name})
        assert caught.value.field == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user_name", "nobody"),  # OUT-18
        ("service_account_address", "no address"),
        ("api_url", "http://gmail.example.test/"),
        ("token_url", "https://user@example.test/token"),
        ("proxy_url", "socks5://name:word@proxy.example.test:1080"),
        ("ca_certificates", "not a certificate"),
        ("parallel_requests", 0),
        ("project_quota", "newest"),
        ("from_address", "not an address"),
    ],
)
def test_a_wrong_value_is_told_at_its_field(google: Google, name: str, value: Any) -> None:
    """A value that cannot be right is refused at its field."""
    assert problem(google, **{name: value})[0] == name


# PLS-01
def test_scopes_are_the_least(google: Google) -> None:
    """Sending asks for gmail.send alone, with Read Sent Mail for gmail.readonly too, receiving for gmail.modify."""
    scopes = [
        google.account("outgoing").settings.scopes,  # type: ignore[attr-defined]
        google.account("outgoing", read_sent_mail=True).settings.scopes,  # type: ignore[attr-defined]
        google.account("incoming").settings.scopes,  # type: ignore[attr-defined]
    ]
    short = [[scope.rpartition(".")[2] for scope in asked] for asked in scopes]
    assert short == [["send"], ["send", "readonly"], ["modify"]]


def test_endpoints_and_proxy_are_the_operators() -> None:
    """Tenants may set neither the endpoints nor the proxy, and a change of any destination unbinds the key."""
    drawn = {field["name"]: field for field in form_fields(PROTOCOL, Direction.OUTGOING)}
    operators = {name for name, field in drawn.items() if field.get("operator_only")}
    assert operators == {"api_url", "token_url", "proxy_url"}
    binding = PROTOCOL.outgoing[0].binding_fields()
    assert {"api_url", "token_url", "proxy_url", "ca_certificates", "service_account_address", "user_name"} <= binding


def test_google_is_imported_in_a_thread_only(google: Google) -> None:
    """Making sender, receiver and probe imports none of Google's libraries: that takes half a second of the event loop."""
    code = (
        "import json, sys\n"
        "from mailport.account import validate\n"
        "from mailport.fields import Direction\n"
        "from mailport.services import Services\n"
        "from mailport_google import plugin\n"
        "from mailport_google.fields import PROTOCOL\n"
        "values = json.load(sys.stdin)\n"
        "sending, receiving = (validate(PROTOCOL, Direction(way), values | {'email_component_type': 'advanced'})"
        " for way in ('outgoing', 'incoming'))\n"
        "plugin.mailport_send(sending, Services()), plugin.mailport_receive(receiving, Services())\n"
        "plugin.mailport_test_connection(sending, Services())\n"
        "print(*(name for name in ('googleapiclient', 'google.auth', 'httplib2') if name in sys.modules))\n"
    )
    values = json.dumps(google.values())
    done = subprocess.run([sys.executable, "-c", code], input=values, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == ([], "")
