"""The settings of Microsoft Graph: one model per direction, put together from groups of fields.

A model lists its groups from the last to the first: pydantic orders fields by the reversed method resolution order, and a
form shows them in that order.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, model_validator
from pydantic_core import PydanticCustomError

from mailport.fields import Capabilities, ComponentType, MailAddress, ProtocolFields, Secret, Settings, setting
from mailport_graph.texts import (
    absent_if_empty,
    certificate_with_key,
    certificates,
    folder_path,
    identifier,
    losses,
    one_line_secret,
    optional_address,
    proxy_address,
    service_url,
    tenant,
)

__all__ = ["PROTOCOLS", "GraphIncoming", "GraphOutgoing", "GraphSettings"]

Cloud = Literal["global", "us_gov_l4", "us_gov_l5", "china"]

CLOUDS: dict[str, tuple[str, str]] = {
    "global": ("https://login.microsoftonline.com", "https://graph.microsoft.com"),
    "us_gov_l4": ("https://login.microsoftonline.us", "https://graph.microsoft.us"),
    "us_gov_l5": ("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
    "china": ("https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"),
}
"""Where each cloud's tokens and its Graph are (https://learn.microsoft.com/graph/deployments)."""

_CLOUD_NAMES = {
    "global": "Global",
    "us_gov_l4": "US Government L4 (GCC High)",
    "us_gov_l5": "US Government L5 (DoD)",
    "china": "China (21Vianet)",
}


class App(Settings):
    """The app registration that signs in, and the mailbox it works for."""

    component_types = frozenset({ComponentType.ADVANCED})

    authentication: Literal["auth_login"] = setting("auth_login", label="Authentication", choices={"auth_login": "AuthLogin"})
    client_tenant_id: Annotated[str, AfterValidator(tenant)] = setting(
        label="Client Tenant ID", help="Directory (tenant) ID of the app registration, or a domain of the tenant.", binds=True
    )
    client_id: Annotated[str, AfterValidator(identifier)] = setting(
        label="Client ID", help="Application (client) ID of the app registration.", binds=True
    )
    client_secret_key: Annotated[Secret | None, BeforeValidator(absent_if_empty), AfterValidator(one_line_secret)] = setting(
        None, label="Client Secret Key", help="The secret's value, not its ID; or a client certificate, under Advanced."
    )
    user_name: MailAddress = setting(
        label="User Name", help="The address of the mailbox.", placeholder="name@example.org", binds=True
    )
    client_certificate: Annotated[Secret | None, BeforeValidator(absent_if_empty), AfterValidator(certificate_with_key)] = (
        setting(
            None,
            label="Client Certificate",
            help="Certificate and private key in PEM form, instead of the client secret.",
            advanced=True,
        )
    )

    @model_validator(mode="after")
    def _one_proof(self) -> Self:
        if self.client_secret_key is None and self.client_certificate is None:
            raise _at("client_secret_key", "is required, or a client certificate instead.")
        if self.client_secret_key is not None and self.client_certificate is not None:
            raise _at("client_certificate", "cannot be combined with a client secret; remove one of the two.")
        return self


def _at(field: str, said: str) -> PydanticCustomError:
    return PydanticCustomError("one_proof", "{said}", {"field": field, "said": said})


class Place(Settings):
    """Which cloud, and how careful the connection to it is."""

    cloud: Cloud = setting("global", label="Cloud", choices=_CLOUD_NAMES, binds=True, advanced=True)
    authority_url: Annotated[str, AfterValidator(service_url)] = setting(
        "",
        label="Authority URL",
        help="Host of the tokens, for a cloud that is not in the list.",
        placeholder="https://login.example.org",
        binds=True,
        advanced=True,
        operator_only=True,
    )
    graph_url: Annotated[str, AfterValidator(service_url)] = setting(
        "",
        label="Graph URL",
        help="Host of Microsoft Graph, for a cloud that is not in the list.",
        placeholder="https://graph.example.org",
        binds=True,
        advanced=True,
        operator_only=True,
    )
    minimum_tls_version: Literal["1.2", "1.3"] = setting(
        "1.2", label="Minimum TLS Version", choices={"1.2": "TLS 1.2", "1.3": "TLS 1.3"}, binds=True, advanced=True
    )
    ca_certificates: Annotated[str, AfterValidator(certificates)] = setting(
        "",
        label="CA Certificates",
        help="Authorities to trust, in PEM form, instead of those of the system.",
        binds=True,
        advanced=True,
    )
    proxy_url: Annotated[str, AfterValidator(proxy_address)] = setting(
        "", label="Proxy URL", placeholder="socks5://proxy:1080", binds=True, advanced=True, operator_only=True
    )

    @property
    def authority(self) -> str:
        """The https address of the host that issues tokens, without a path."""
        return self.authority_url or CLOUDS[self.cloud][0]

    @property
    def graph(self) -> str:
        """The https address of Microsoft Graph, without a path."""
        return self.graph_url or CLOUDS[self.cloud][1]


class GraphSettings(Place, App):
    """What both directions have."""


class GraphOutgoing(GraphSettings):
    """Sending as a mailbox."""

    from_address: Annotated[str, AfterValidator(optional_address)] = setting(
        "",
        label="From Address",
        help="Sends as this address, where a message names none and it is not the User Name.",
        advanced=True,
    )
    save_to_sent_items: bool = setting(
        True, label="Save to Sent Items", help="Keep a copy of every mail in the mailbox.", advanced=True
    )
    accepted_losses: Annotated[str, AfterValidator(losses)] = setting(
        "plain_text",
        label="Accepted Losses",
        help="What may be lost where Microsoft Graph cannot carry it, by name: plain_text (the text beside the HTML, of "
        "which Exchange makes its own), threading, headers, original (exact bytes of a relayed mail), sent_copy (a copy "
        "is kept although it shall not).",
        advanced=True,
    )


class GraphIncoming(GraphSettings):
    """Reading one folder of a mailbox."""

    folder: Annotated[str, AfterValidator(folder_path)] = setting("INBOX", label="Folder", min_length=1)


PROTOCOLS = (
    ProtocolFields(
        key="graph",
        title="Microsoft Graph",
        outgoing=(GraphOutgoing,),
        incoming=(GraphIncoming,),
        capabilities=Capabilities(folders=True, mark_read=True, lookup=True),
    ),
)
