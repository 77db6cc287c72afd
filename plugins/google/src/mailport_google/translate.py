"""Google's refusals and the library's failures as mailport errors; the cause is kept by the raiser.

The first part of a code is the rung of the diagnosis ladder: ``rung`` says for which work the API was asked.
"""

from __future__ import annotations

import ssl
from http.client import HTTPException

from mailport.errors import (
    ConfigurationError,
    MailportError,
    NotFound,
    Refused,
    Throttled,
    TimedOut,
    TransportError,
    Uncertain,
    Unreachable,
)
from mailport.token_failures import not_now
from mailport_google.cases import API_CASES, TOKEN_CASES
from mailport_google.fields import GoogleSettings
from mailport_google.said import Said

__all__ = ["bad_key", "broken", "malformed", "malformed_token", "refused", "token_refused", "too_large"]

_LIMITS = ("ratelimitexceeded", "userratelimitexceeded", "dailylimitexceeded", "quotaexceeded", "rate_limit_exceeded")


def token_refused(said: Said, settings: GoogleSettings) -> MailportError:
    """Return what a refusal of the token endpoint means."""
    if said.status == 429 or said.status >= 500:
        return not_now(said.status, said.retry_after, provider_code=said.reason, request_id=said.request_id)
    for case in TOKEN_CASES:
        if said.is_about(*case.words):
            return case.error(said, settings)
    return malformed_token(f"HTTP {said.status}")


def malformed_token(what: str) -> MailportError:
    """Return the error for an answer of the token endpoint that is none."""
    return Unreachable(
        f"The token endpoint gave no token and no reason ({what}).",
        code="authentication.token_malformed",
        field="token_url",
        remedy="Check that nothing stands between this machine and Google that answers in its place; try again later.",
    )


def bad_key() -> MailportError:
    """Return the error for a key that cannot sign."""
    return ConfigurationError(
        "The private key cannot be used.",
        code="authentication.key_unreadable",
        field="private_key",
        remedy="Paste the JSON key file anew: Google Cloud console > IAM & Admin > Service Accounts > Keys > Add key.",
    )


def refused(said: Said, settings: GoogleSettings, rung: str) -> MailportError:
    """Return what a refusal of the Gmail API means."""
    if said.status == 429 or (said.status == 403 and said.is_about(*_LIMITS)) or _asks_to_wait(said):
        return _throttled(said, rung)
    for case in API_CASES.get(said.status, ()):
        if said.is_about(*case.words):
            return case.error(said, settings)
    return _by_status(said, rung)


def _by_status(said: Said, rung: str) -> MailportError:
    if said.status == 404:
        message = "Gmail does not know this message, label or history."
        return NotFound(message, code=f"{rung}.gone", remedy="Read the mailbox anew.", **said.facts)
    if said.status >= 500 and rung == "send":
        return _uncertain("failed", said)
    if said.status >= 500:
        return _unavailable(said, rung)
    if said.status == 413:
        return too_large()
    kind = Refused if rung == "send" else TransportError
    return kind(
        f"Gmail refuses the request: {said.message[:200] or f'HTTP {said.status}'}.",
        code=f"{rung}.refused",
        remedy="Check the addresses and the form of the message." if rung == "send" else "Report this to the plugin's author.",
        **said.facts,
    )


def _asks_to_wait(said: Said) -> bool:
    return said.status == 503 and said.retry_after is not None


def _throttled(said: Said, rung: str) -> Throttled:
    if said.is_about("mail sending"):
        return Throttled(
            "The user has reached Gmail's sending limit.",
            code=f"{rung}.daily_limit",
            remedy="Wait up to 24 hours: a Workspace user may send 2,000 messages a day.",
            **said.facts,
        )
    return Throttled(
        "Google asks to come back later.",
        code=f"{rung}.throttled",
        remedy="Wait; if it happens often, lower Quota Units per Minute or Parallel Requests.",
        **said.facts,
    )


def _unavailable(said: Said, rung: str) -> Unreachable:
    return Unreachable(
        f"Gmail has a failure of its own (HTTP {said.status}).",
        code=f"{rung}.unavailable",
        remedy="Try again later; www.google.com/appsstatus shows known failures.",
        **said.facts,
    )


def _uncertain(how: str, said: Said | None = None) -> Uncertain:
    return Uncertain(
        f"Gmail took the message and {how}.",
        remedy="Look into the Sent folder before sending it again.",
        **(said.facts if said else {}),
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
    if silent:
        return TimedOut("Google stayed silent.", code=f"{rung}.timeout", remedy="Try again later.")
    what = "spoke TLS wrongly" if isinstance(error, ssl.SSLCertVerificationError) else "hung up"
    return Unreachable(f"Google {what}.", code=f"{rung}.cut", remedy="Try again later.")
