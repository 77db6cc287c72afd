"""What a token endpoint says, as mailport errors: by its OAuth error, never by its words, which are for people."""

from __future__ import annotations

import json
import re
from typing import Any

from mailport.account import Account
from mailport.errors import (
    AuthenticationFailed,
    ConfigurationError,
    MailportError,
)
from mailport.token_failures import not_now
from mailport.waiting import retry_after
from mailport_smtp.said import clean

__all__ = ["explain_answer"]

# OAuth error: class, code, field, remedy. RFC 6749 section 5.2; the client's proof is named when it is known which it was.
_ERRORS: dict[str, tuple[type[MailportError], str, str, str]] = {
    "invalid_client": (
        AuthenticationFailed,
        "authentication.client_refused",
        "client_secret_key",
        "Check Client ID, and enter a new secret: it may have expired.",
    ),
    "unauthorized_client": (
        AuthenticationFailed,
        "authentication.client_not_allowed",
        "client_id",
        "Check Client ID and tenant, and have an administrator allow this application.",
    ),
    "invalid_scope": (ConfigurationError, "authentication.scope", "scope", "Check Scope."),
    "invalid_resource": (ConfigurationError, "authentication.scope", "scope", "Check Scope."),
    "invalid_grant": (
        AuthenticationFailed,
        "authentication.grant",
        "token_url",
        "Have an administrator look at this application's rights.",
    ),
    "unsupported_grant_type": (
        ConfigurationError,
        "authentication.grant_type",
        "token_url",
        "The server must offer the grant “client credentials”; check Token URL.",
    ),
    "invalid_request": (
        ConfigurationError,
        "authentication.token_request",
        "token_url",
        "Check Token URL, Client ID and Scope.",
    ),
}


def explain_answer(status: int, body: bytes, header: str | None, account: Account) -> MailportError:
    """Return an answer other than 200 as an error."""
    said = _said(body)
    text = clean(str(said.get("error_description") or said.get("error") or ""), account)
    facts: dict[str, Any] = {"provider_code": _number(text) or str(status), "request_id": _request_id(said)}
    waits = retry_after(header)
    if status == 429 or status >= 500 or said.get("error") in ("temporarily_unavailable", "server_error"):
        return not_now(status, waits, **facts)
    if said.get("error") in _ERRORS:
        return _known(str(said["error"]), text, account, facts)
    return ConfigurationError(
        f"The token server answered {status}{f': {text}' if text else ''}.",
        code="authentication.token_url",
        field="token_url",
        remedy="Check Token URL; redirects are not followed.",
        **facts,
    )


def _known(error: str, text: str, account: Account, facts: dict[str, Any]) -> MailportError:
    kind, code, field, remedy = _ERRORS[error]
    if field == "client_secret_key" and getattr(account.settings, "client_secret_key", None) is None:
        field, remedy = "client_certificate", "Check Client ID, and that the certificate is registered and has not expired."
    return kind(f"The token server refused: {text or error}", code=code, field=field, remedy=remedy, **facts)


def _said(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _number(text: str) -> str | None:
    """Return Entra's error number, by which its documentation is searched."""
    found = re.search(r"\bAADSTS\d+", text)
    return found[0] if found else None


def _request_id(said: dict[str, Any]) -> str | None:
    value = said.get("correlation_id") or said.get("trace_id")
    return str(value)[:64] if value else None
