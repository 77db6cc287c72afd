"""The settings of SMTP, IMAP and POP3: one flat model per authentication option, put together from groups of fields.

A model lists its groups from the last to the first: pydantic orders fields by the reversed method resolution order, and a
form shows them in that order.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator

from mailport.fields import Capabilities, ComponentType, MailAddress, ProtocolFields, Settings, setting
from mailport.groups import ClientProof, Network
from mailport.texts import CertificateWithKey, HttpsUrl, OneLine, OneLineSecret, OptionalAddress
from mailport_smtp.texts import host_name, tls_choice

__all__ = ["PROTOCOLS", "Login", "OAuth", "Server"]

_ADVANCED_ONLY = frozenset({ComponentType.ADVANCED})


class Server(Settings):
    """Where to connect and how."""

    tls_field: ClassVar[str | None] = "use_ssl_tls"

    host: Annotated[str, AfterValidator(host_name)] = setting(
        label="Host", help="The name of the mail server.", placeholder="mail.example.org", binds=True
    )
    port: int = setting(label="Port", binds=True, ge=1, le=65535)
    authentication: str
    use_ssl_tls: Annotated[Literal["none", "SSL", "TLS"], BeforeValidator(tls_choice)] = setting(
        "TLS",
        label="Use SSL/TLS",
        help="SSL encrypts from the first byte, TLS by the STARTTLS command, which is then required.",
        choices={"none": "None", "SSL": "SSL", "TLS": "TLS"},
        binds=True,
    )


class SmtpServer(Server):
    """An SMTP server."""

    port: int = setting(25, label="Port", suggest={"use_ssl_tls": {"SSL": 465, "TLS": 587}}, binds=True, ge=1, le=65535)


class ImapServer(Server):
    """An IMAP server. TLS means STARTTLS here, which lives on the plain port."""

    port: int = setting(143, label="Port", suggest={"use_ssl_tls": {"SSL": 993, "TLS": 143}}, binds=True, ge=1, le=65535)


class Pop3Server(Server):
    """A POP3 server. TLS means STLS here, which lives on the plain port."""

    port: int = setting(110, label="Port", suggest={"use_ssl_tls": {"SSL": 995, "TLS": 110}}, binds=True, ge=1, le=65535)


class User(Settings):
    """Whose mail it is."""

    user_name: MailAddress = setting(
        label="User Name", help="The address of the account.", placeholder="name@example.org", binds=True
    )


class Login(User):
    """A password login."""

    password: OneLineSecret = setting(label="Password", min_length=1)
    login: OneLine = setting(
        "", label="Login", help="The login name, where it is not the User Name.", binds=True, advanced=True
    )


class ClientCertificate(Settings):
    """A certificate that proves in the TLS handshake who we are."""

    client_certificate: CertificateWithKey = setting(
        None,
        label="Client Certificate",
        help="Certificate and private key in PEM form, for servers that ask for one.",
        advanced=True,
    )


class TokenServer(Settings):
    """Where tokens come from, and what for."""

    token_url: HttpsUrl = setting(
        label="Token URL",
        placeholder="https://login.microsoftonline.com/TENANT/oauth2/v2.0/token",
        binds=True,
    )
    scope: OneLine = setting(label="Scope", placeholder="https://outlook.office365.com/.default", min_length=1, binds=True)
    client_id: OneLine = setting(label="Client ID", min_length=1, binds=True)


class OAuth(ClientProof, TokenServer):
    """A token by OAuth client credentials: a secret or a certificate proves who asks."""


class Sending(Network):
    """What only a sender has."""

    from_address: OptionalAddress = setting(
        "", label="From Address", help="Sends as this address, where it is not the User Name.", advanced=True
    )
    max_connections: int = setting(
        3,  # what Exchange Online allows per mailbox; most others allow more
        label="Connections",
        help="How many connections may be open at once.",
        advanced=True,
        ge=1,
        le=100,
    )


class Folder(Settings):
    """Where in the mailbox to read."""

    folder: OneLine = setting("INBOX", label="Folder", min_length=1)


class SmtpAuthLogin(ClientCertificate, Sending, Login, SmtpServer):
    """SMTP with a password."""

    authentication: Literal["auth_login"] = setting("auth_login", label="Authentication", choices={"auth_login": "AuthLogin"})


class SmtpXoauth2(Sending, User, OAuth, SmtpServer):
    """SMTP with a token."""

    component_types = _ADVANCED_ONLY
    authentication: Literal["xoauth2"] = setting("xoauth2", label="Authentication", choices={"xoauth2": "XOAUTH2"})


class SmtpNone(ClientCertificate, Sending, User, SmtpServer):
    """SMTP without credentials (OUT-04)."""

    authentication: Literal["none"] = setting("none", label="Authentication", choices={"none": "None"})


class ImapAuthLogin(Network, Folder, Login, ImapServer):
    """IMAP with a password, by the mechanism that suits the server."""

    authentication: Literal["auth_login"] = setting("auth_login", label="Authentication", choices={"auth_login": "AuthLogin"})


class ImapPlain(Network, Folder, Login, ImapServer):
    """IMAP with a password, by SASL PLAIN and nothing else."""

    authentication: Literal["plain"] = setting("plain", label="Authentication", choices={"plain": "Plain"})


class ImapXoauth2(Network, Folder, User, OAuth, ImapServer):
    """IMAP with a token."""

    component_types = _ADVANCED_ONLY
    authentication: Literal["xoauth2"] = setting("xoauth2", label="Authentication", choices={"xoauth2": "XOAUTH2"})


class Pop3AuthLogin(Network, Login, Pop3Server):
    """POP3 with a password, by the mechanism that suits the server."""

    authentication: Literal["auth_login"] = setting("auth_login", label="Authentication", choices={"auth_login": "AuthLogin"})


class Pop3Plain(Network, Login, Pop3Server):
    """POP3 with a password, by SASL PLAIN and nothing else."""

    authentication: Literal["plain"] = setting("plain", label="Authentication", choices={"plain": "Plain"})


class Pop3Xoauth2(Network, User, OAuth, Pop3Server):
    """POP3 with a token."""

    component_types = _ADVANCED_ONLY
    authentication: Literal["xoauth2"] = setting("xoauth2", label="Authentication", choices={"xoauth2": "XOAUTH2"})


PROTOCOLS = (
    ProtocolFields(key="smtp", title="SMTP", outgoing=(SmtpAuthLogin, SmtpXoauth2, SmtpNone)),
    ProtocolFields(
        key="imap",
        title="IMAP",
        incoming=(ImapAuthLogin, ImapPlain, ImapXoauth2),
        capabilities=Capabilities(folders=True, mark_read=True),
    ),
    ProtocolFields(key="pop3", title="POP3", incoming=(Pop3AuthLogin, Pop3Plain, Pop3Xoauth2)),
)
