"""What the settings of EWS accept, show and require."""

from typing import Any

import pytest

from mailport.account import validate
from mailport.errors import ConfigurationError
from mailport.fields import ComponentType, Direction
from mailport.host import Mailport
from mailport_ews import plugin
from mailport_ews.fields import PROTOCOL
from mailport_ews.hosted import HostedEwsWarning

PLAIN: dict[str, Any] = {
    "authentication": "plain",
    "host": "https://mail.example.org/EWS/Exchange.asmx",
    "user_name": "name@example.org",
    "password": "sample",
}
AUTH_LOGIN: dict[str, Any] = {
    "host": "https://mail.example.org/EWS/Exchange.asmx",
    "user_name": "name@example.org",
    "client_tenant_id": "example.org",
    "client_id": "6f1d1c1e-7f0a-4d4b-9d53-1f2e3d4c5b6a",
    "client_secret_key": "sample",
}
CLIENT = {"client_login_url", "client_resource_url", "client_tenant_id", "client_id", "client_secret_key"}


def model(option: str, direction: Direction = Direction.OUTGOING) -> Any:
    return next(found for found in PROTOCOL.models(direction) if found.option() == option)


def account(values: dict[str, Any], **changes: Any) -> Any:
    return validate(PROTOCOL, Direction.OUTGOING, values | changes)


def refused(values: dict[str, Any], **changes: Any) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        account(values, **changes)
    return caught.value


@pytest.mark.parametrize("direction", list(Direction))
def test_two_ways_to_sign_in(direction: Direction) -> None:
    """EWS offers AuthLogin, first, and Plain."""
    # OUT-02
    assert PROTOCOL.options(direction) == ("auth_login", "plain")


def test_client_fields_belong_to_auth_login() -> None:
    """The five client fields are shown with AuthLogin only, the password with Plain only."""
    # OUT-13 OUT-15 OUT-16 OUT-17
    assert set(model("auth_login").model_fields) >= CLIENT
    assert "password" not in model("auth_login").model_fields
    assert not CLIENT & set(model("plain").model_fields)
    assert "password" in model("plain").model_fields


def test_resource_is_filled_in() -> None:
    """Client Resource URL starts with Exchange Online, Client Login URL with the global cloud."""
    # OUT-14
    settings = account(AUTH_LOGIN).settings
    assert settings.client_resource_url == "https://outlook.office365.com"
    assert settings.client_login_url == "https://login.microsoftonline.com/"


@pytest.mark.parametrize("missing", ["client_tenant_id", "client_id", "client_secret_key", "host", "user_name"])
def test_auth_login_needs_its_fields(missing: str) -> None:
    """Tenant, client, its secret or certificate, host and user are required with AuthLogin."""
    # OUT-08 OUT-15 OUT-18
    assert refused({name: value for name, value in AUTH_LOGIN.items() if name != missing}).field == missing


def test_one_proof_only() -> None:
    """A secret and a certificate together are refused at the certificate."""
    pem = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"
    assert refused(AUTH_LOGIN, client_certificate=pem).field == "client_certificate"
    assert account(AUTH_LOGIN, client_secret_key="", client_certificate=pem).settings.client_secret_key is None


@pytest.mark.parametrize(
    "host",
    [
        "mail.example.org",
        "http://mail.example.org/EWS/Exchange.asmx",
        "https://mail.example.org",
        "https://mail.example.org/owa",
        "https://user@mail.example.org/EWS/Exchange.asmx",
        "https://mail.example.org/EWS/Exchange.asmx?x=1",
        "https://mail.example.org:port/EWS/Exchange.asmx",
        "https://mail.example.org/EWS/\r\nExchange.asmx",
        "",
    ],
)
def test_the_host_is_an_address_of_ews(host: str) -> None:
    """A host without https or the path of EWS is refused with the form that is expected."""
    # OUT-09 SEC-05
    error = refused(PLAIN, host=host)
    assert error.field == "host"
    assert "https://mail.example.org/EWS/Exchange.asmx" in str(error)


def test_the_path_is_found_in_any_case() -> None:
    """Exchange does not care for the case of its path, nor do we."""
    assert account(PLAIN, host="https://MAIL.example.org/ews/exchange.asmx").settings.host == PLAIN["host"]


def test_no_port_and_no_tls_choice() -> None:
    """EWS has neither a port nor a TLS setting of its own."""
    # OUT-06 OUT-07
    assert all({"port", "use_ssl_tls"}.isdisjoint(found.model_fields) for found in PROTOCOL.outgoing)


def test_values_of_the_other_option_do_not_count() -> None:
    """A password that is left from Plain neither disturbs AuthLogin nor is used by it."""
    # OUT-19
    made = account(AUTH_LOGIN | {"password": "left"})
    assert not hasattr(made.settings, "password")
    assert "password" in made.ignored


@pytest.mark.parametrize("field", ["login", "password"])
def test_control_characters_are_refused(field: str) -> None:
    """A line break in a login or a password is refused before any I/O."""
    # SEC-05
    assert refused(PLAIN, **{field: "a\r\nb"}).field == field


@pytest.mark.parametrize("host", ["outlook.office365.com", "outlook.office365.us", "partner.outlook.cn"])
def test_hosted_exchange_is_deprecated(host: str) -> None:
    """An account of a cloud of Microsoft loads with a warning that names the end and the successor."""
    # VER-04
    with pytest.warns(HostedEwsWarning, match=r"2027-04-01.*Microsoft Graph"):
        made = account(AUTH_LOGIN, host=f"https://{host}/EWS/Exchange.asmx")
    assert made.settings.host == f"https://{host}/EWS/Exchange.asmx"


def test_operators_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """The log tells the end of EWS once for an address, however often the account is loaded."""
    # VER-04
    for _ in range(3):
        with pytest.warns(HostedEwsWarning):
            account(AUTH_LOGIN, host="https://once.office365.com/EWS/Exchange.asmx")
    assert [record.message for record in caplog.records if "2027-04-01" in record.message] == [caplog.records[0].message]


def test_clouds_can_be_chosen() -> None:
    """The login and resource addresses of the documented clouds stand in the form's help, and others can be entered."""
    # VER-05
    fields = model("auth_login").model_fields
    assert "https://login.microsoftonline.us/" in fields["client_login_url"].description
    assert "https://partner.outlook.cn" in fields["client_resource_url"].description
    made = account(AUTH_LOGIN, client_login_url="https://login.partner.microsoftonline.cn/")
    assert made.settings.client_login_url == "https://login.partner.microsoftonline.cn/"


def test_component_types() -> None:
    """Plain fits Basic and Advanced, a token only Advanced."""
    # CMP-04
    assert PROTOCOL.options(Direction.INCOMING, ComponentType.BASIC) == ("plain",)


def test_basic_needs_legacy_tls() -> None:
    """A Basic inbox is refused at the host where the deployment does not allow TLS 1.0."""
    # CMP-06
    with pytest.raises(ConfigurationError, match=r"TLS 1\.0") as caught:
        Mailport(plugins=[plugin], discover=False).account(
            PLAIN | {"protocol": "ews", "email_component_type": "basic"}, Direction.INCOMING
        )
    assert (caught.value.field, caught.value.remedy) == ("host", "Choose Advanced.")
