"""The settings of SMTP, IMAP and POP3 as data: which fields there are, when they are shown, what they accept."""

import subprocess
import sys
from typing import Any

import pytest

from mailport.account import Account, validate
from mailport.errors import ConfigurationError
from mailport.fields import ComponentType, Direction, ProtocolFields
from mailport.forms import form_fields, json_schema
from mailport_smtp.fields import PROTOCOLS

SMTP, IMAP, POP3 = PROTOCOLS
LOGIN = {"host": "mail.example.org", "user_name": "ann@example.org", "password": "secret"}
TOKEN = {
    "authentication": "xoauth2",
    "host": "mail.example.org",
    "user_name": "ann@example.org",
    "token_url": "https://login.example.org/token",
    "scope": "mail",
    "client_id": "client-1",
    "client_secret_key": "secret",
}
PEM = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"


def direction(protocol: ProtocolFields) -> Direction:
    """The one direction of a protocol."""
    return protocol.directions[0]


def outgoing(**values: Any) -> Account:
    """An SMTP account."""
    return validate(SMTP, Direction.OUTGOING, LOGIN | values)


def problem(**values: Any) -> tuple[str, str]:
    """The field at fault and what is said about it."""
    with pytest.raises(ConfigurationError) as caught:
        validate(SMTP, Direction.OUTGOING, LOGIN | values)
    return str(caught.value.field), str(caught.value)


def field(protocol: ProtocolFields, name: str) -> dict[str, Any]:
    """One field of the form."""
    return next(one for one in form_fields(protocol, direction(protocol)) if one["name"] == name)


def test_auth_login_comes_first() -> None:
    """AuthLogin is the first choice and the default; XOAUTH2 and None come after it.  # OUT-03"""
    choices = field(SMTP, "authentication")["choices"]
    assert list(choices.items()) == [("auth_login", "AuthLogin"), ("xoauth2", "XOAUTH2"), ("none", "None")]
    assert field(SMTP, "authentication")["default"] == "auth_login"
    for protocol in (IMAP, POP3):
        assert protocol.options(Direction.INCOMING) == ("auth_login", "plain", "xoauth2")


@pytest.mark.parametrize(
    ("protocol", "default", "suggested"),
    [
        (SMTP, 25, {"SSL": 465, "TLS": 587}),
        (IMAP, 143, {"SSL": 993, "TLS": 143}),
        (POP3, 110, {"SSL": 995, "TLS": 110}),
    ],
)
def test_ports_are_suggested_and_never_set(protocol: ProtocolFields, default: int, suggested: dict[str, int]) -> None:
    """The port keeps its default whatever the TLS setting; the form suggests the usual one.  # OUT-06, INB-02, INB-03"""
    port = field(protocol, "port")
    assert (port["default"], port["suggest"]) == (default, {"use_ssl_tls": suggested})
    for mode in ("SSL", "TLS", "none"):
        account = validate(protocol, direction(protocol), LOGIN | {"use_ssl_tls": mode})
        assert account.settings.model_dump()["port"] == default


@pytest.mark.parametrize(
    ("stored", "meant"),
    [
        ("SSL", "SSL"),
        ("TLS", "TLS"),
        ("none", "none"),
        (True, "TLS"),
        (False, "none"),
        ("on", "TLS"),
        ("off", "none"),
        ("True", "TLS"),
        ("false", "none"),
        ("ssl", "SSL"),
        ("starttls", "TLS"),
        (1, "TLS"),
        ("", "none"),
    ],
)
def test_old_tls_values_load(stored: object, meant: str) -> None:
    """Use SSL/TLS takes SSL and TLS; a stored on/off value loads as TLS/none.  # OUT-23, VER-01"""
    assert outgoing(use_ssl_tls=stored).settings.model_dump()["use_ssl_tls"] == meant


def test_tls_is_the_default_and_others_are_refused() -> None:
    """Use SSL/TLS defaults to TLS; a word that means nothing is refused at the field."""
    assert outgoing().settings.model_dump()["use_ssl_tls"] == "TLS"
    assert problem(use_ssl_tls="maybe")[0] == "use_ssl_tls"


@pytest.mark.parametrize(
    "host",
    [
        "https://mail.example.org/EWS",
        "smtp://mail.example.org",
        "mail.example.org:25",
        "mail example",
        "mail\r\nRSET",
        "mail..org",
        "",
        "a" * 300,
    ],
)
def test_a_host_is_a_name_alone(host: str) -> None:
    """A host given as a URL, with a port or with anything around it is refused with the expected form.  # OUT-10"""
    name, said = problem(host=host)
    assert name == "host"
    assert "mail.example.org" in said or "port" in said


@pytest.mark.parametrize("host", ["mail.example.org", "MAIL", "bücher.example", "192.0.2.1", "2001:db8::1", "my_host.local"])
def test_hosts_that_are_fine(host: str) -> None:
    """Names, international ones too, and addresses of both families are hosts."""
    assert outgoing(host=f" {host} ").settings.model_dump()["host"] == host


@pytest.mark.parametrize("name", ["password", "login", "user_name", "host", "from_address", "proxy_url"])
@pytest.mark.parametrize("bad", ["\r\n", "\n", "\0"])
def test_line_breaks_are_refused(name: str, bad: str) -> None:
    """CR, LF and NUL are refused in every field that could reach a command.  # SEC-05"""
    value = {"user_name": "a@example.org", "from_address": "a@example.org"}.get(name, "some")
    assert problem(**{name: f"{value}{bad}thing"})[0] == name


@pytest.mark.parametrize("user_name", ["nobody", "a b@example.org", "a@", ""])
def test_the_user_name_is_an_address(user_name: str) -> None:
    """User Name must be a valid e-mail address.  # OUT-18"""
    assert problem(user_name=user_name)[0] == "user_name"


@pytest.mark.parametrize(
    ("proof", "field"),
    [
        ({"client_secret_key": ""}, "client_secret_key"),
        ({"client_secret_key": None}, "client_secret_key"),
        ({"client_certificate": PEM}, "client_certificate"),
        ({"client_secret_key": None, "client_certificate": "no pem"}, "client_certificate"),
        ({"token_url": "http://login.example.org"}, "token_url"),
        ({"token_url": "https://user:pw@login.example.org/"}, "token_url"),
        ({"scope": ""}, "scope"),
    ],
)
def test_a_token_needs_one_proof(proof: dict[str, Any], field: str) -> None:
    """Exactly one of secret and certificate proves the client; the error names the field.  # OUT-15"""
    for protocol in PROTOCOLS:
        with pytest.raises(ConfigurationError) as caught:
            validate(protocol, direction(protocol), TOKEN | proof)
        assert caught.value.field == field


def test_a_certificate_is_a_proof() -> None:
    """A certificate with its key stands in for the secret."""
    validate(SMTP, Direction.OUTGOING, TOKEN | {"client_secret_key": "", "client_certificate": PEM})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("password", ["auth_login"]),
        ("login", ["auth_login"]),
        ("token_url", ["xoauth2"]),
        ("client_secret_key", ["xoauth2"]),
    ],
)
def test_fields_are_shown_with_their_option(name: str, options: list[str]) -> None:
    """Password is shown with AuthLogin only, the client fields with XOAUTH2 only.  # OUT-15, OUT-17"""
    assert field(SMTP, name)["visible_when"] == {"authentication": options}


def test_none_asks_for_no_credentials() -> None:
    """A stored configuration without authentication loads.  # OUT-04"""
    old = {
        "host": "mail",
        "user_name": "a@example.org",
        "authentication": "none",
        "use_ssl_tls": "off",
        "password": "left over",
    }
    assert validate(SMTP, Direction.OUTGOING, old).ignored == {"password": "left over"}


def test_tokens_need_the_advanced_component_type() -> None:
    """Basic inboxes sign in with passwords only.  # CMP-04, CMP-06"""
    for protocol in (IMAP, POP3):
        assert protocol.options(Direction.INCOMING, ComponentType.BASIC) == ("auth_login", "plain")
        with pytest.raises(ConfigurationError) as caught:
            validate(protocol, Direction.INCOMING, TOKEN | {"email_component_type": "basic"})
        assert caught.value.field == "authentication"


def test_destination_and_identity_bind_secrets() -> None:
    """A stored secret is not used when where it goes or whose it is changed.  # TST-08"""
    server = {"host", "port", "use_ssl_tls", "minimum_tls_version", "ca_certificates", "proxy_url", "user_name"}
    for protocol in PROTOCOLS:
        bound = {model.option(): model.binding_fields() for model in protocol.models(direction(protocol))}
        assert bound["auth_login"] == server | {"login"}
        assert bound["xoauth2"] == server | {"token_url", "scope", "client_id"}


def test_the_operator_decides_about_proxies() -> None:
    """Only the operator may send an account through a proxy, and no credentials are stored in its URL."""
    assert field(SMTP, "proxy_url")["operator_only"] is True
    assert problem(proxy_url="socks5://user:pw@proxy:1080")[0] == "proxy_url"
    outgoing(proxy_url="socks5://proxy:1080")


def test_schemas_are_drawn_for_every_protocol() -> None:
    """Each option is a branch; secrets are write-only.  # OUT-20"""
    for protocol in PROTOCOLS:
        branches = json_schema(protocol, direction(protocol))["oneOf"]
        assert [branch["properties"]["authentication"]["const"] for branch in branches] == list(
            protocol.options(direction(protocol))
        )
        assert all(branch["properties"]["user_name"]["title"] == "User Name" for branch in branches)
    assert json_schema(SMTP, Direction.OUTGOING)["oneOf"][0]["properties"]["password"]["writeOnly"] is True


def test_discovery_imports_no_protocol_library() -> None:
    """Fields are data: the plugin module brings in neither a mail library nor ssl."""
    code = "import sys, mailport_smtp.plugin as p; p.mailport_fields(); print([m for m in {names} if m in sys.modules])"
    names = ("aiosmtplib", "imapclient", "imaplib", "poplib", "asyncio", "ssl")
    said = subprocess.run([sys.executable, "-c", code.format(names=names)], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
