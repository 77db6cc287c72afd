"""The settings of SMTP, IMAP and POP3: one flat model per authentication option, put together from groups of fields.

A model lists its groups from the last to the first: pydantic orders fields by the reversed method resolution order, and a
form shows them in that order.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, model_validator
from pydantic_core import PydanticCustomError

from mailport.fields import Capabilities, ComponentType, MailAddress, ProtocolFields, Secret, Settings, setting
from mailport_smtp.texts import (
    absent_if_empty,
    certificate_with_key,
    certificates,
    host_name,
    https_url,
    one_line,
    one_line_secret,
    optional_address,
    proxy_address,
    tls_choice,
)

__all__ = ["PROTOCOLS", "Login", "OAuth", "Server"]

_ADVANCED_ONLY = frozenset({ComponentType.ADVANCED})

Certificate = Annotated[Secret | None, BeforeValidator(absent_if_empty), AfterValidator(certificate_with_key)]


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

    password: Annotated[Secret, AfterValidator(one_line_secret)] = setting(label="Password", min_length=1)
    login: Annotated[str, AfterValidator(one_line)] = setting(
        "", label="Login", help="The login name, where it is not the User Name.", binds=True, advanced=True
    )


class ClientCertificate(Settings):
    """A certificate that proves who we are: to the token server, or in the TLS handshake."""

    client_certificate: Certificate = setting(
        None,
        label="Client Certificate",
        help="Certificate and private key in PEM form: instead of the client secret, or for servers that ask for one.",
        advanced=True,
    )


class OAuth(ClientCertificate):
    """A token by OAuth client credentials: a secret or a certificate proves who asks."""

    token_url: Annotated[str, AfterValidator(https_url)] = setting(
        label="Token URL",
        placeholder="https://login.microsoftonline.com/TENANT/oauth2/v2.0/token",
        binds=True,
    )
    scope: Annotated[str, AfterValidator(one_line)] = setting(
        label="Scope", placeholder="https://outlook.office365.com/.default", min_length=1, binds=True
    )
    client_id: Annotated[str, AfterValidator(one_line)] = setting(label="Client ID", min_length=1, binds=True)
    client_secret_key: Annotated[Secret | None, BeforeValidator(absent_if_empty), AfterValidator(one_line_secret)] = setting(
        None, label="Client Secret Key", help="Or a client certificate, under Advanced."
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


class Tls(Settings):
    """How careful the connection is, and through what it goes."""

    minimum_tls_version: Literal["1.1", "1.2", "1.3"] = setting(
        "1.2",
        label="Minimum TLS Version",
        choices={"1.1": "TLS 1.1", "1.2": "TLS 1.2", "1.3": "TLS 1.3"},
        binds=True,
        advanced=True,
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


class Sending(Tls):
    """What only a sender has."""

    from_address: Annotated[str, AfterValidator(optional_address)] = setting(
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

    folder: Annotated[str, AfterValidator(one_line)] = setting("INBOX", label="Folder", min_length=1)


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


class ImapAuthLogin(Tls, Folder, Login, ImapServer):
    """IMAP with a password, by the mechanism that suits the server."""

    authentication: Literal["auth_login"] = setting("auth_login", label="Authentication", choices={"auth_login": "AuthLogin"})


class ImapPlain(Tls, Folder, Login, ImapServer):
    """IMAP with a password, by SASL PLAIN and nothing else."""

    authentication: Literal["plain"] = setting("plain", label="Authentication", choices={"plain": "Plain"})


class ImapXoauth2(Tls, Folder, User, OAuth, ImapServer):
    """IMAP with a token."""

    component_types = _ADVANCED_ONLY
    authentication: Literal["xoauth2"] = setting("xoauth2", label="Authentication", choices={"xoauth2": "XOAUTH2"})


class Pop3AuthLogin(Tls, Login, Pop3Server):
    """POP3 with a password, by the mechanism that suits the server."""

    authentication: Literal["auth_login"] = setting("auth_login", label="Authentication", choices={"auth_login": "AuthLogin"})


class Pop3Plain(Tls, Login, Pop3Server):
    """POP3 with a password, by SASL PLAIN and nothing else."""

    authentication: Literal["plain"] = setting("plain", label="Authentication", choices={"plain": "Plain"})


class Pop3Xoauth2(Tls, User, OAuth, Pop3Server):
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
