"""What the settings of Microsoft Graph accept, and what a form shows of them."""

from typing import Any

import pytest

from mailport.account import validate
from mailport.errors import ConfigurationError
from mailport.fields import ComponentType, Direction
from mailport.forms import form_fields
from mailport_graph.fields import PROTOCOLS, GraphSettings

[GRAPH] = PROTOCOLS
SECRET = {
    "client_tenant_id": "contoso.example.test",
    "client_id": "4c1f0d5e-8a6b-4a52-9d0e-1f2a3b4c5d6e",
    "client_secret_key": "not-a-real-secret",
    "user_name": "agent@example.test",
}
CERTIFICATE = (
    "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\ny\n-----END PRIVATE KEY-----"
)


def shown(direction: Direction = Direction.OUTGOING) -> dict[str, dict[str, Any]]:
    return {field["name"]: field for field in form_fields(GRAPH, direction)}


def fields_at_fault(**changes: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        validate(GRAPH, Direction.OUTGOING, SECRET | changes)
    return [problem.field for problem in caught.value.problems]


# OUT-03
def test_auth_login_is_the_only_choice() -> None:
    """Graph offers AuthLogin and nothing else, in both directions."""
    assert GRAPH.options(Direction.OUTGOING) == GRAPH.options(Direction.INCOMING) == ("auth_login",)


# OUT-08, OUT-11, OUT-13, OUT-17
@pytest.mark.parametrize("direction", Direction)
def test_fields_of_other_protocols_are_not_shown(direction: Direction) -> None:
    """Host, port, password, login and resource URL, service account: Graph has none of them."""
    others = {"host", "port", "use_ssl_tls", "password", "client_login_url", "client_resource_url", "private_key"}
    assert not others & set(shown(direction))


# OUT-15
@pytest.mark.parametrize("name", ["client_tenant_id", "client_id"])
def test_tenant_and_client_are_required(name: str) -> None:
    """Client Tenant ID and Client ID are required."""
    assert shown()[name]["required_when"] == {"authentication": ["auth_login"]}
    assert fields_at_fault(**{name: ""}) == [name]


# OUT-15, PLS-02
def test_one_proof_is_required() -> None:
    """A secret or a certificate is required, and not both."""
    assert fields_at_fault(client_secret_key="") == ["client_secret_key"]
    assert fields_at_fault(client_certificate=CERTIFICATE) == ["client_certificate"]
    validate(GRAPH, Direction.OUTGOING, SECRET | {"client_secret_key": "", "client_certificate": CERTIFICATE})


# OUT-18
@pytest.mark.parametrize("user_name", ["", "agent", "agent@", "a@b.test, c@d.test", "a@b.test\r\nX: y"])
def test_user_name_is_an_address(user_name: str) -> None:
    """User Name must be one mail address."""
    assert fields_at_fault(user_name=user_name) == ["user_name"]


# VER-05
@pytest.mark.parametrize(
    ("cloud", "authority", "graph"),
    [
        ("global", "login.microsoftonline.com", "graph.microsoft.com"),
        ("us_gov_l4", "login.microsoftonline.us", "graph.microsoft.us"),
        ("us_gov_l5", "login.microsoftonline.us", "dod-graph.microsoft.us"),
        ("china", "login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn"),
    ],
)
def test_national_clouds_can_be_chosen(cloud: str, authority: str, graph: str) -> None:
    """Each documented cloud has its own hosts for tokens and for Graph."""
    settings = validate(GRAPH, Direction.OUTGOING, SECRET | {"cloud": cloud}).settings
    assert isinstance(settings, GraphSettings)
    assert (settings.authority, settings.graph) == (f"https://{authority}", f"https://{graph}")


# VER-05, PLS-03
def test_further_hosts_are_the_operators() -> None:
    """Hosts of another cloud and the proxy are marked as the operator's; a tenant's form does not offer them."""
    assert all(shown()[name]["operator_only"] for name in ("authority_url", "graph_url", "proxy_url"))


@pytest.mark.parametrize(
    "url", ["http://graph.example.test", "https://u:p@graph.example.test", "https://a.test/v1.0", "a.test"]
)
def test_a_cloud_host_is_an_https_address(url: str) -> None:
    """A host of a further cloud is given as https://host, with nothing after it."""
    assert fields_at_fault(graph_url=url) == ["graph_url"]


@pytest.mark.parametrize("tenant", ["common", "organizations", "a/b", "..", "a b", "x?y"])
def test_a_tenant_is_one_tenant(tenant: str) -> None:
    """The tenant becomes a part of a URL: only an id or a domain is taken, and none that stands for people."""
    assert fields_at_fault(client_tenant_id=tenant) == ["client_tenant_id"]


def test_losses_are_accepted_by_name() -> None:
    """Accepted Losses knows five names, and refuses others with the list."""
    settings = validate(GRAPH, Direction.OUTGOING, SECRET | {"accepted_losses": " Threading,headers ,"}).settings
    assert settings.model_dump()["accepted_losses"] == "threading, headers"
    assert fields_at_fault(accepted_losses="everything") == ["accepted_losses"]


def test_inboxes_are_advanced() -> None:
    """An app login is not for component type Basic."""
    assert GRAPH.options(Direction.INCOMING, ComponentType.BASIC) == ()


# CFG-08, TST-08: a stored secret goes nowhere else
def test_destination_and_identity_bind_the_secret() -> None:
    """Whoever changes tenant, client, mailbox, cloud, hosts, authorities or proxy must enter the secret again."""
    [outgoing] = GRAPH.outgoing
    assert outgoing.binding_fields() >= {"client_tenant_id", "client_id", "user_name", "cloud", "graph_url", "authority_url"}
    assert outgoing.binding_fields() >= {"ca_certificates", "proxy_url", "minimum_tls_version"}
