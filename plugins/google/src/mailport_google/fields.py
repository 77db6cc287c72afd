"""The settings of Gmail through a service account, put together from groups of fields.

A model lists its groups from the last to the first: pydantic orders fields by the reversed method resolution order, and a
form shows them in that order.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, SecretStr, ValidationInfo

from mailport.fields import Capabilities, ComponentType, MailAddress, ProtocolFields, Secret, Settings, setting
from mailport.groups import Network
from mailport.texts import HttpsUrl, OneLine, OptionalAddress, wrong
from mailport_google.private_key import normalised

__all__ = ["PROTOCOL", "GoogleIncoming", "GoogleOutgoing", "GoogleSettings"]

GMAIL = "https://www.googleapis.com/auth/gmail"


def _pem(value: SecretStr, info: ValidationInfo) -> SecretStr:
    """Accept a private key in any of its forms; keep it as PEM."""
    try:
        return SecretStr(normalised(value.get_secret_value(), str(info.data.get("service_account_address", ""))))
    except ValueError as error:
        raise wrong(str(error)) from None  # the cause might show the key


class ServiceAccount(Settings):
    """Who signs in, and whose mail it is."""

    component_types = frozenset({ComponentType.ADVANCED})

    authentication: Literal["auth_login"] = setting("auth_login", label="Authentication", choices={"auth_login": "AuthLogin"})
    service_account_address: MailAddress = setting(
        label="Service Account Address",
        help="The e-mail address of the service account, as the Google Cloud console shows it.",
        placeholder="mail@project.iam.gserviceaccount.com",
        binds=True,
    )
    private_key: Annotated[Secret, AfterValidator(_pem)] = setting(
        label="Private Key", help="The key in PEM form, or the whole JSON key file."
    )
    user_name: MailAddress = setting(
        label="User Name",
        help="The Google Workspace user on whose behalf mail is sent and read.",
        placeholder="name@example.org",
        binds=True,
    )


class Limits(Settings):
    """How much of the API the account uses."""

    max_connections: ClassVar[int] = 1
    """Sessions that a pool keeps: one holds all parallel requests of the account."""

    project_quota: Literal["new", "old"] = setting(
        "new",
        label="Project Quota",
        help="Projects that used the Gmail API between November 2025 and April 2026 keep the higher limits.",
        choices={"new": "New (6,000 units a minute)", "old": "Before May 2026 (15,000 units a minute)"},
        advanced=True,
    )
    quota_units_per_minute: int = setting(
        0,
        label="Quota Units per Minute",
        help="For each user, as the Google Cloud console shows it; 0 takes the number of Project Quota.",
        advanced=True,
        ge=0,
        le=100_000_000,
    )
    parallel_requests: int = setting(
        8, label="Parallel Requests", help="How many requests are under way at once.", advanced=True, ge=1, le=32
    )


class Endpoints(Settings):
    """Where the account connects."""

    token_url: HttpsUrl = setting(
        "https://oauth2.googleapis.com/token", label="Token URL", binds=True, advanced=True, operator_only=True
    )
    api_url: HttpsUrl = setting("https://gmail.googleapis.com/", label="API URL", binds=True, advanced=True, operator_only=True)


class GoogleSettings(Endpoints, Network, Limits, ServiceAccount):
    """What both directions have."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """What the token shall allow: exactly this must stand in the domain-wide delegation."""
        return ()


class SentMail(Settings):
    """What only a sender has."""

    from_address: OptionalAddress = setting(
        "",
        label="From Address",
        help="Sends as this address instead of User Name. The user needs it as a verified “Send mail as” address.",
        placeholder="team@example.org",
        advanced=True,
    )
    read_sent_mail: bool = setting(
        False,
        label="Read Sent Mail",
        help="Also asks for the scope gmail.readonly: the Message-ID that Gmail stored is read back, so that replies are "
        "recognised, and a mail whose sending is uncertain is looked up.",
        advanced=True,
    )


class GoogleOutgoing(SentMail, GoogleSettings):
    """Sending."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """Only sending, unless the account also reads what it sent."""
        return (f"{GMAIL}.send", f"{GMAIL}.readonly") if self.read_sent_mail else (f"{GMAIL}.send",)


class Folder(Settings):
    """Where in the mailbox to read."""

    folder: OneLine = setting(
        "INBOX", label="Folder", help="A Gmail label; nested ones are written Parent/Child.", min_length=1
    )


class GoogleIncoming(Folder, GoogleSettings):
    """Receiving."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """Reading, labels and the trash; permanent deletion would need more."""
        return (f"{GMAIL}.modify",)


PROTOCOL = ProtocolFields(
    key="google",
    title="Google Service Account",
    outgoing=(GoogleOutgoing,),
    incoming=(GoogleIncoming,),
    capabilities=Capabilities(folders=True, mark_read=True, lookup=True),
)
