"""The settings of Microsoft Graph: one model per direction, put together from groups of fields.

A model lists its groups from the last to the first: pydantic orders fields by the reversed method resolution order, and a
form shows them in that order.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from mailport.fields import Capabilities, ComponentType, MailAddress, ProtocolFields, Settings, setting
from mailport.groups import ClientProof, Network
from mailport.texts import OptionalAddress
from mailport_graph.texts import folder_path, identifier, losses, service_url, tenant

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
    """The app registration that signs in."""

    component_types = frozenset({ComponentType.ADVANCED})

    authentication: Literal["auth_login"] = setting("auth_login", label="Authentication", choices={"auth_login": "AuthLogin"})
    client_tenant_id: Annotated[str, AfterValidator(tenant)] = setting(
        label="Client Tenant ID", help="Directory (tenant) ID of the app registration, or a domain of the tenant.", binds=True
    )
    client_id: Annotated[str, AfterValidator(identifier)] = setting(
        label="Client ID", help="Application (client) ID of the app registration.", binds=True
    )


class Mailbox(Settings):
    """Whose mail it is."""

    user_name: MailAddress = setting(
        label="User Name", help="The address of the mailbox.", placeholder="name@example.org", binds=True
    )


class Place(Settings):
    """Which cloud."""

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

    @property
    def authority(self) -> str:
        """The https address of the host that issues tokens, without a path."""
        return self.authority_url or CLOUDS[self.cloud][0]

    @property
    def graph(self) -> str:
        """The https address of Microsoft Graph, without a path."""
        return self.graph_url or CLOUDS[self.cloud][1]


class GraphSettings(Network, Place, Mailbox, ClientProof, App):
    """What both directions have."""


class GraphOutgoing(GraphSettings):
    """Sending as a mailbox."""

    from_address: OptionalAddress = setting(
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
