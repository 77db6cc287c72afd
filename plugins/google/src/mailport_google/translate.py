"""Google's refusals and the library's failures as mailport errors, in two tables; the cause is kept by the raiser.

The first part of a code is the rung of the diagnosis ladder: ``rung`` says for which work the API was asked.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from mailport.errors import (
    AuthenticationFailed,
    ConfigurationError,
    MailportError,
    NotFound,
    PermissionDenied,
    Refused,
    Throttled,
    TimedOut,
    TransportError,
    Uncertain,
    Unreachable,
)
from mailport_google.fields import GoogleSettings
from mailport_google.said import Said

__all__ = ["bad_key", "broken", "malformed", "malformed_token", "refused", "token_refused", "too_large"]

_DELEGATION = "Admin console > Security > Access and data control > API controls > Manage domain-wide delegation"
_ENABLE = "Google Cloud console > APIs & Services > Library > Gmail API > Enable"


@dataclass(frozen=True, slots=True)
class _Case:
    """One refusal: ``words`` are reasons or pieces of the message (one is enough); ``{...}`` in a text is a setting."""

    words: tuple[str, ...]
    kind: type[MailportError]
    code: str
    message: str
    remedy: str
    field: str | None = None

    def error(self, said: Said, settings: GoogleSettings) -> MailportError:
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
            **_facts(said),
        )


def _facts(said: Said) -> dict[str, Any]:
    return {"provider_code": said.reason, "request_id": said.request_id, "retry_after": said.retry_after}


_TOKEN_CASES = (
    _Case(
        ("unauthorized_client",),
        PermissionDenied,
        "permission.delegation",
        "Google does not let {account} act for users with the scopes {scopes}.",
        f"In {_DELEGATION}, add the numeric client id of the service account with exactly these scopes: {{scopes}}; "
        "it can take up to 24 hours to work.",
        "service_account_address",
    ),
    _Case(
        ("invalid email or user id",),
        ConfigurationError,
        "authentication.user",
        "{user} is no active user of the Google Workspace.",
        "Enter the primary address of a user (not an alias or a group), and check in Admin console > Directory > Users that "
        "the user is not suspended.",
        "user_name",
    ),
    _Case(
        ("account not found", "not a valid email"),
        AuthenticationFailed,
        "authentication.account",
        "Google knows no service account {account}.",
        "Copy the address from Google Cloud console > IAM & Admin > Service Accounts, and check that it was not deleted.",
        "service_account_address",
    ),
    _Case(
        ("signature",),
        AuthenticationFailed,
        "authentication.key",
        "Google does not accept the private key for {account}.",
        "Check in Google Cloud console > IAM & Admin > Service Accounts > Keys that the key is active and belongs to this "
        "account, or create a new one.",
        "private_key",
    ),
    _Case(
        ("timeframe", "iat and exp"),
        ConfigurationError,
        "authentication.clock",
        "Google finds the time of the request wrong.",
        "Set this machine's clock: it must be right within a few minutes (chronyc tracking, timedatectl).",
    ),
    _Case(
        ("disabled",),
        PermissionDenied,
        "permission.account_disabled",
        "The service account {account} is disabled.",
        "Enable it in Google Cloud console > IAM & Admin > Service Accounts.",
        "service_account_address",
    ),
    _Case(
        ("invalid_client",),
        ConfigurationError,
        "authentication.client",
        "Google knows no client {account}.",
        "Check the Service Account Address for a missing or an additional character.",
        "service_account_address",
    ),
    _Case(
        ("access_denied", "admin_policy_enforced", "org_internal", "access_not_configured"),
        PermissionDenied,
        "permission.policy",
        "A policy of the Google Workspace blocks this service account.",
        "In Admin console > Security > Access and data control > API controls > App access control, trust the client id of the "
        "service account.",
        "service_account_address",
    ),
    _Case(
        ("invalid_scope",),
        PermissionDenied,
        "permission.scope_unknown",
        "Google does not grant the scopes {scopes}.",
        f"In {_DELEGATION}, enter exactly these scopes: {{scopes}}.",
        "service_account_address",
    ),
    _Case(
        ("invalid_grant", "invalid_request", "unsupported_grant_type"),
        AuthenticationFailed,
        "authentication.refused",
        "Google refuses to sign in {account} for {user}.",
        "Check the Service Account Address, the Private Key and the User Name against the Google Cloud console.",
        "private_key",
    ),
)

_API_CASES: dict[int, tuple[_Case, ...]] = {
    401: (
        _Case(
            ("",),
            AuthenticationFailed,
            "authentication.token",
            "Gmail refuses the access token of {account}, a fresh one as well.",
            "Check that the key and the delegation were not revoked just now.",
            "private_key",
        ),
    ),
    403: (
        _Case(
            ("accessnotconfigured", "service_disabled"),
            ConfigurationError,
            "permission.api_disabled",
            "The Gmail API is not enabled in the project of {account}.",
            f"Enable it in {_ENABLE}, and wait a few minutes.",
            "service_account_address",
        ),
        _Case(
            ("insufficientpermissions", "access_token_scope_insufficient"),
            PermissionDenied,
            "permission.scope",
            "The access token does not allow this.",
            f"In {_DELEGATION}, the client id of the service account needs exactly these scopes: {{scopes}}.",
            "service_account_address",
        ),
        _Case(
            ("domainpolicy",),
            PermissionDenied,
            "permission.domain_policy",
            "The administrator of the Google Workspace switched off API access to Gmail.",
            "Allow it in Admin console > Security > Access and data control > API controls > Manage Google Services > Gmail.",
            "user_name",
        ),
        _Case(
            ("delegation denied",),
            ConfigurationError,
            "permission.delegation_denied",
            "Gmail does not let {account} act for {user}.",
            f"Check User Name, and the entry in {_DELEGATION}.",
            "user_name",
        ),
        _Case(
            ("",),
            PermissionDenied,
            "permission.denied",
            "Gmail denies {account} access to the mailbox of {user}.",
            f"Check the entry in {_DELEGATION}, and that the user may use Gmail.",
            "user_name",
        ),
    ),
    400: (
        _Case(
            ("mail service not enabled",),
            ConfigurationError,
            "permission.mail_service",
            "{user} has no Gmail mailbox.",
            "Give the user a license with Gmail and switch Gmail on: Admin console > Apps > Google Workspace > Gmail > Service "
            "status.",
            "user_name",
        ),
    ),
}
_LIMITS = ("ratelimitexceeded", "userratelimitexceeded", "dailylimitexceeded", "quotaexceeded", "rate_limit_exceeded")


def token_refused(said: Said, settings: GoogleSettings) -> MailportError:
    """Return what a refusal of the token endpoint means."""
    if said.status == 429 or (said.status == 503 and said.retry_after is not None):
        return _throttled(said, "authentication")
    if said.status >= 500:
        return _unavailable(said, "authentication", "Google's token endpoint")
    for case in _TOKEN_CASES:
        if said.is_about(*case.words):
            return case.error(said, settings)
    return malformed_token(f"HTTP {said.status}")


def malformed_token(what: str) -> MailportError:
    """Return the error for an answer of the token endpoint that is none."""
    return Unreachable(
        f"The token endpoint gave no token and no reason ({what}).",
        code="authentication.malformed",
        field="token_url",
        remedy="Check that nothing stands between this machine and Google that answers in its place; try again later.",
    )


def bad_key() -> MailportError:
    """Return the error for a key that cannot sign."""
    return ConfigurationError(
        "The private key cannot be used.",
        code="authentication.private_key",
        field="private_key",
        remedy="Paste the JSON key file anew: Google Cloud console > IAM & Admin > Service Accounts > Keys > Add key.",
    )


def refused(said: Said, settings: GoogleSettings, rung: str) -> MailportError:
    """Return what a refusal of the Gmail API means."""
    if said.status == 429 or (said.status == 403 and said.is_about(*_LIMITS)) or _asks_to_wait(said):
        return _throttled(said, rung)
    for case in _API_CASES.get(said.status, ()):
        if said.is_about(*case.words):
            return case.error(said, settings)
    return _by_status(said, rung)


def _by_status(said: Said, rung: str) -> MailportError:
    if said.status == 404:
        message = "Gmail does not know this message, label or history."
        return NotFound(message, code=f"{rung}.missing", remedy="Read the mailbox anew.", **_facts(said))
    if said.status >= 500 and rung == "send":
        return _uncertain("failed", said)
    if said.status >= 500:
        return _unavailable(said, rung, "Gmail")
    if said.status == 413:
        return too_large()
    kind = Refused if rung == "send" else TransportError
    return kind(
        f"Gmail refuses the request: {said.message[:200] or f'HTTP {said.status}'}.",
        code=f"{rung}.refused",
        remedy="Check the addresses and the form of the message." if rung == "send" else "Report this to the plugin's author.",
        **_facts(said),
    )


def _asks_to_wait(said: Said) -> bool:
    return said.status == 503 and said.retry_after is not None


def _throttled(said: Said, rung: str) -> Throttled:
    if said.is_about("mail sending"):
        return Throttled(
            "The user has reached Gmail's sending limit.",
            code=f"{rung}.daily_limit",
            remedy="Wait up to 24 hours: a Workspace user may send 2,000 messages a day.",
            **_facts(said),
        )
    return Throttled(
        "Google asks to come back later.",
        code=f"{rung}.throttled",
        remedy="Wait; if it happens often, lower Quota Units per Minute or Parallel Requests.",
        **_facts(said),
    )


def _unavailable(said: Said, rung: str, who: str) -> Unreachable:
    return Unreachable(
        f"{who} has a failure of its own (HTTP {said.status}).",
        code=f"{rung}.unavailable",
        remedy="Try again later; www.google.com/appsstatus shows known failures.",
        **_facts(said),
    )


def _uncertain(how: str, said: Said | None = None) -> Uncertain:
    return Uncertain(
        f"Gmail took the message and {how}.",
        remedy="Look into the Sent folder before sending it again.",
        **(_facts(said) if said else {}),
    )


def too_large() -> Refused:
    """Return the error for a message that Gmail never takes."""
    return Refused(
        "The message is larger than the 35 MB that Gmail takes.",
        code="send.too_large",
        field="attachments",
        remedy="Send a link to the files instead.",
    )


def malformed(rung: str) -> MailportError:
    """Return the error for an answer of the API that cannot be read."""
    if rung == "send":
        return _uncertain("gave an answer that cannot be read")
    return Unreachable(
        "Gmail gave an answer that cannot be read.",
        code=f"{rung}.malformed",
        field="api_url",
        remedy="Check that nothing stands between this machine and Google that answers in its place; try again later.",
    )


def broken(error: OSError | HTTPException, rung: str, *, handed_over: bool) -> MailportError:
    """Return what a connection that failed means for the request under way."""
    silent = isinstance(error, TimeoutError)
    if handed_over and rung == "send":
        return _uncertain("stayed silent" if silent else "hung up")
    make: Callable[..., MailportError] = TimedOut if silent else Unreachable
    what = "stayed silent" if silent else "spoke TLS wrongly" if isinstance(error, ssl.SSLCertVerificationError) else "hung up"
    return make(f"Google {what}.", code=f"{rung}.{'timeout' if silent else 'cut'}", remedy="Try again later.")
