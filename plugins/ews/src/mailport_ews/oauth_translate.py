"""What a token server says, as mailport errors: the class by its OAuth error, the remedy by Entra's number.

Entra asks not to branch on its AADSTS numbers, which change; a number that is not here has the remedy of its class.
"""

from __future__ import annotations

import re
from typing import Any

from mailport.account import Account
from mailport.errors import (
    AuthenticationFailed,
    ConfigurationError,
    MailportError,
    Unreachable,
)

__all__ = ["explain_discovery", "explain_result"]

_LONGEST = 300
_LATER = "Nothing to do: it is tried again later."
_SECRETS_PAGE = "Entra admin centre, App registrations, Certificates & secrets"

# OAuth error: class, code, field, remedy. RFC 6749 section 5.2.
_ERRORS: dict[str, tuple[type[MailportError], str, str, str]] = {
    "invalid_client": (
        AuthenticationFailed,
        "authentication.client_refused",
        "client_secret_key",
        f"Check Client ID, and enter a new secret ({_SECRETS_PAGE}): it may have expired.",
    ),
    "unauthorized_client": (
        AuthenticationFailed,
        "authentication.client_not_allowed",
        "client_id",
        "Check Client ID and Client Tenant ID, and that the application was consented to in this tenant.",
    ),
    "invalid_scope": (ConfigurationError, "authentication.scope", "client_resource_url", "Check Client Resource URL."),
    "invalid_resource": (ConfigurationError, "authentication.scope", "client_resource_url", "Check Client Resource URL."),
    "invalid_request": (
        ConfigurationError,
        "authentication.token_request",
        "client_tenant_id",
        "Check Client Login URL, Client Tenant ID and Client ID.",
    ),
    "invalid_grant": (
        AuthenticationFailed,
        "authentication.grant",
        "client_id",
        "Have an administrator look at this application's sign-in logs and conditional access (Entra admin centre).",
    ),
    "interaction_required": (
        AuthenticationFailed,
        "authentication.grant",
        "client_id",
        "A conditional access policy stops this application: exclude it there (Entra admin centre, Conditional Access).",
    ),
}

# Entra's numbers: code, field and a sharper remedy.
_NUMBERS: dict[str, tuple[str, str, str]] = {
    "AADSTS7000215": (
        "authentication.secret_wrong",
        "client_secret_key",
        f"Enter the secret's value, not its id ({_SECRETS_PAGE}).",
    ),
    "AADSTS7000222": (
        "authentication.secret_expired",
        "client_secret_key",
        f"The secret has expired: create a new one ({_SECRETS_PAGE}) and enter its value.",
    ),
    "AADSTS700016": (
        "authentication.client_unknown",
        "client_id",
        "This tenant does not know the application: check Client ID and Client Tenant ID, and grant admin consent.",
    ),
    "AADSTS7000112": (
        "authentication.client_disabled",
        "client_id",
        "The application is disabled: enable it (Entra admin centre, Enterprise applications, Properties).",
    ),
    "AADSTS90002": (
        "authentication.tenant_unknown",
        "client_tenant_id",
        "There is no such tenant: check Client Tenant ID, and Client Login URL if it lies in a national cloud.",
    ),
    "AADSTS900382": (
        "authentication.cloud",
        "client_login_url",
        "The tenant lies in another cloud: use that cloud's Client Login URL and Client Resource URL.",
    ),
    "AADSTS700027": (
        "authentication.certificate_unknown",
        "client_certificate",
        f"Upload this certificate's public part ({_SECRETS_PAGE}), and check that it has not expired.",
    ),
    "AADSTS500011": (
        "authentication.scope",
        "client_resource_url",
        "The tenant does not know this resource: check Client Resource URL.",
    ),
    "AADSTS53003": (
        "authentication.conditional_access",
        "client_id",
        "A conditional access policy stops this application: exclude it there (Entra admin centre, Conditional Access).",
    ),
}
_NUMBERS |= {
    "AADSTS900023": _NUMBERS["AADSTS90002"],
    "AADSTS700024": ("authentication.clock", "client_certificate", "Check the clock of this machine, and the certificate."),
    "AADSTS530035": _NUMBERS["AADSTS53003"],
    "AADSTS65001": (
        "authentication.consent",
        "client_id",
        "Grant admin consent (Entra admin centre, App registrations, API permissions).",
    ),
}


def explain_result(result: dict[str, Any], account: Account) -> MailportError:
    """Return msal's answer to a refused request as an error."""
    name = str(result.get("error"))
    said = account.redact(" ".join(str(result.get("error_description") or name).split()))[:_LONGEST]
    number = next(iter(re.findall(r"\bAADSTS\d+", said)), None)
    if name in ("temporarily_unavailable", "server_error"):
        return Unreachable(said, code="authentication.token_unavailable", remedy=_LATER, provider_code=number)
    kind, code, field, remedy = _ERRORS.get(
        name,
        (AuthenticationFailed, "authentication.refused", "client_id", "Have an administrator look at the application."),
    )
    code, field, remedy = _NUMBERS.get(number or "", (code, field, remedy))
    if field == "client_secret_key" and getattr(account.settings, "client_secret_key", None) is None:
        field, remedy = "client_certificate", _NUMBERS["AADSTS700027"][2]
    return kind(
        f"The token server refused: {said}",
        code=code,
        field=field,
        remedy=remedy,
        provider_code=number or name,
        request_id=_text(result.get("correlation_id")),
    )


def explain_discovery(account: Account) -> MailportError:
    """Return the error for a login address at which there is no such tenant."""
    settings: Any = account.settings
    return ConfigurationError(
        f"There is no tenant “{settings.client_tenant_id}” at {settings.client_login_url}.",
        code="authentication.tenant_unknown",
        field="client_tenant_id",
        remedy="Check Client Tenant ID (a GUID or a domain), and Client Login URL if it lies in a national cloud.",
    )


def _text(value: object) -> str | None:
    return str(value)[:64] if value else None
