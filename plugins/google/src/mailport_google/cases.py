"""Google's refusals, one by one: what each means, and what an administrator does about it.

The first part of a code is the rung of the diagnosis ladder. The same codes are explained in the README.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailport.errors import AuthenticationFailed, ConfigurationError, MailportError, PermissionDenied
from mailport_google.fields import GoogleSettings
from mailport_google.said import Said

__all__ = ["API_CASES", "TOKEN_CASES", "Case"]

_DELEGATION = "Admin console > Security > Access and data control > API controls > Manage domain-wide delegation"
_ENABLE = "Google Cloud console > APIs & Services > Library > Gmail API > Enable"


@dataclass(frozen=True, slots=True)
class Case:
    """One refusal: ``words`` are reasons or pieces of the message (one is enough); ``{...}`` in a text is a setting."""

    words: tuple[str, ...]
    kind: type[MailportError]
    code: str
    message: str
    remedy: str
    field: str | None = None

    def error(self, said: Said, settings: GoogleSettings) -> MailportError:
        """Return the case as the error it means."""
        known = {
            "user": settings.user_name,
            "account": settings.service_account_address,
            "scopes": ",".join(settings.scopes),
        }
        return self.kind(
            self.message.format(**known),
            code=self.code,
            remedy=self.remedy.format(**known),
            field=self.field,
            **said.facts,
        )


TOKEN_CASES = (
    Case(
        ("unauthorized_client",),
        PermissionDenied,
        "permission.delegation",
        "Google does not let {account} act for users with the scopes {scopes}.",
        f"In {_DELEGATION}, add the numeric client id of the service account with exactly these scopes: {{scopes}}; "
        "it can take up to 24 hours to work.",
        "service_account_address",
    ),
    Case(
        ("invalid email or user id",),
        ConfigurationError,
        "authentication.user_unknown",
        "{user} is no active user of the Google Workspace.",
        "Enter the primary address of a user (not an alias or a group), and check in Admin console > Directory > Users that "
        "the user is not suspended.",
        "user_name",
    ),
    Case(
        ("account not found", "not a valid email"),
        AuthenticationFailed,
        "authentication.client_unknown",
        "Google knows no service account {account}.",
        "Copy the address from Google Cloud console > IAM & Admin > Service Accounts, and check that it was not deleted.",
        "service_account_address",
    ),
    Case(
        ("signature",),
        AuthenticationFailed,
        "authentication.key_unknown",
        "Google does not accept the private key for {account}.",
        "Check in Google Cloud console > IAM & Admin > Service Accounts > Keys that the key is active and belongs to this "
        "account, or create a new one.",
        "private_key",
    ),
    Case(
        ("timeframe", "iat and exp"),
        ConfigurationError,
        "authentication.clock",
        "Google finds the time of the request wrong.",
        "Set this machine's clock: it must be right within a few minutes (chronyc tracking, timedatectl).",
    ),
    Case(
        ("disabled",),
        PermissionDenied,
        "authentication.client_disabled",
        "The service account {account} is disabled.",
        "Enable it in Google Cloud console > IAM & Admin > Service Accounts.",
        "service_account_address",
    ),
    Case(
        ("invalid_client",),
        ConfigurationError,
        "authentication.client_unknown",
        "Google knows no client {account}.",
        "Check the Service Account Address for a missing or an additional character.",
        "service_account_address",
    ),
    Case(
        ("access_denied", "admin_policy_enforced", "org_internal", "access_not_configured"),
        PermissionDenied,
        "permission.client_blocked",
        "A policy of the Google Workspace blocks this service account.",
        "In Admin console > Security > Access and data control > API controls > App access control, trust the client id of the "
        "service account.",
        "service_account_address",
    ),
    Case(
        ("invalid_scope",),
        PermissionDenied,
        "permission.scope_unknown",
        "Google does not grant the scopes {scopes}.",
        f"In {_DELEGATION}, enter exactly these scopes: {{scopes}}.",
        "service_account_address",
    ),
    Case(
        ("invalid_grant", "invalid_request", "unsupported_grant_type"),
        AuthenticationFailed,
        "authentication.refused",
        "Google refuses to sign in {account} for {user}.",
        "Check the Service Account Address, the Private Key and the User Name against the Google Cloud console.",
        "private_key",
    ),
)

API_CASES: dict[int, tuple[Case, ...]] = {
    401: (
        Case(
            ("",),
            AuthenticationFailed,
            "authentication.token_refused",
            "Gmail refuses the access token of {account}, a fresh one as well.",
            "Check that the key and the delegation were not revoked just now.",
            "private_key",
        ),
    ),
    403: (
        Case(
            ("accessnotconfigured", "service_disabled"),
            ConfigurationError,
            "permission.api_disabled",
            "The Gmail API is not enabled in the project of {account}.",
            f"Enable it in {_ENABLE}, and wait a few minutes.",
            "service_account_address",
        ),
        Case(
            ("insufficientpermissions", "access_token_scope_insufficient"),
            PermissionDenied,
            "permission.scope",
            "The access token does not allow this.",
            f"In {_DELEGATION}, the client id of the service account needs exactly these scopes: {{scopes}}.",
            "service_account_address",
        ),
        Case(
            ("domainpolicy",),
            PermissionDenied,
            "permission.domain_policy",
            "The administrator of the Google Workspace switched off API access to Gmail.",
            "Allow it in Admin console > Security > Access and data control > API controls > Manage Google Services > Gmail.",
            "user_name",
        ),
        Case(
            ("delegation denied",),
            ConfigurationError,
            "permission.delegation_denied",
            "Gmail does not let {account} act for {user}.",
            f"Check User Name, and the entry in {_DELEGATION}.",
            "user_name",
        ),
        Case(
            ("",),
            PermissionDenied,
            "permission.denied",
            "Gmail denies {account} access to the mailbox of {user}.",
            f"Check the entry in {_DELEGATION}, and that the user may use Gmail.",
            "user_name",
        ),
    ),
    400: (
        Case(
            ("mail service not enabled",),
            ConfigurationError,
            "permission.mailbox_disabled",
            "{user} has no Gmail mailbox.",
            "Give the user a license with Gmail and switch Gmail on: Admin console > Apps > Google Workspace > Gmail > Service "
            "status.",
            "user_name",
        ),
    ),
}
