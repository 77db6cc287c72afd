"""The settings of EWS: one flat model per authentication option and direction, put together from groups of fields.

A model lists its groups from the last to the first: pydantic orders fields by the reversed method resolution order, and a
form shows them in that order.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, model_validator

from mailport.fields import Capabilities, ComponentType, MailAddress, ProtocolFields, Settings, setting
from mailport.groups import ClientProof, Network
from mailport.texts import HttpsUrl, OneLine, OneLineSecret, OptionalAddress
from mailport_ews.hosted import warn_if_hosted
from mailport_ews.texts import endpoint, tenant

__all__ = ["PROTOCOL", "EwsServer", "Incoming", "OAuth", "Outgoing", "Password"]

_ADVANCED_ONLY = frozenset({ComponentType.ADVANCED})


class EwsServer(Settings):
    """Where Exchange is. It always speaks TLS, so that ``host`` is what an account says about it."""

    tls_field: ClassVar[str | None] = "host"

    host: Annotated[str, AfterValidator(endpoint)] = setting(
        label="Host",
        help="The address of EWS. At Microsoft (outlook.office365.com) it ends on 2027-04-01: choose Microsoft Graph there.",
        placeholder="https://mail.example.org/EWS/Exchange.asmx",
        binds=True,
    )
    authentication: str

    @model_validator(mode="after")
    def _warn(self) -> Self:
        warn_if_hosted(self.host)
        return self


class User(Settings):
    """Whose mailbox it is."""

    user_name: MailAddress = setting(
        label="User Name", help="The address of the mailbox.", placeholder="name@example.org", binds=True
    )


class Password(User):
    """A password login."""

    password: OneLineSecret = setting(label="Password", min_length=1)
    login: OneLine = setting(
        "",
        label="Login",
        help="The login name, where it is not the User Name: DOMAIN\\user for servers that ask for NTLM.",
        placeholder="DOMAIN\\user",
        binds=True,
        advanced=True,
    )


class App(User):
    """The application that asks for a token, and where."""

    client_login_url: HttpsUrl = setting(
        "https://login.microsoftonline.com/",
        label="Client Login URL",
        help="US Government: https://login.microsoftonline.us/, China: https://login.partner.microsoftonline.cn/",
        binds=True,
    )
    client_resource_url: HttpsUrl = setting(
        "https://outlook.office365.com",
        label="Client Resource URL",
        help="US Government: https://outlook.office365.us (DoD: https://outlook-dod.office365.us), "
        "China: https://partner.outlook.cn",
        binds=True,
    )
    client_tenant_id: Annotated[str, AfterValidator(tenant)] = setting(
        label="Client Tenant ID", help="The directory's GUID or domain.", binds=True
    )
    client_id: OneLine = setting(label="Client ID", help="The application's GUID.", min_length=1, binds=True)


class OAuth(ClientProof, App):
    """A token by OAuth client credentials: a secret or a certificate proves who asks."""


class Outgoing(Network):
    """What only a sender has."""

    from_address: OptionalAddress = setting(
        "", label="From Address", help="Sends as this address, where it is not the User Name.", advanced=True
    )
    save_to_sent_items: bool = setting(True, label="Save to Sent Items", advanced=True)
    max_connections: int = setting(
        4,  # Exchange Online allows 27 per mailbox, Exchange 2010 ten; several messages travel in one request
        label="Connections",
        help="How many connections may be open at once.",
        advanced=True,
        ge=1,
        le=20,
    )


class Incoming(Network):
    """What only a receiver has."""

    folder: OneLine = setting("INBOX", label="Folder", help="A name, or a path such as INBOX/Support.", min_length=1)


class EwsAuthLogin(Outgoing, OAuth, EwsServer):
    """Sending with a token."""

    component_types = _ADVANCED_ONLY
    authentication: Literal["auth_login"] = setting("auth_login", label="Authentication", choices={"auth_login": "AuthLogin"})


class EwsPlain(Outgoing, Password, EwsServer):
    """Sending with a password."""

    authentication: Literal["plain"] = setting("plain", label="Authentication", choices={"plain": "Plain"})


class EwsIncomingAuthLogin(Incoming, OAuth, EwsServer):
    """Receiving with a token."""

    component_types = _ADVANCED_ONLY
    authentication: Literal["auth_login"] = setting("auth_login", label="Authentication", choices={"auth_login": "AuthLogin"})


class EwsIncomingPlain(Incoming, Password, EwsServer):
    """Receiving with a password."""

    authentication: Literal["plain"] = setting("plain", label="Authentication", choices={"plain": "Plain"})


PROTOCOL = ProtocolFields(
    key="ews",
    title="Exchange Web Services",
    outgoing=(EwsAuthLogin, EwsPlain),
    incoming=(EwsIncomingAuthLogin, EwsIncomingPlain),
    capabilities=Capabilities(folders=True, mark_read=True, lookup=True),
)
