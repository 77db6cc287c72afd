"""Library errors and refusals to mailport's errors: by table, the cause kept, the remedy in words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx2

from mailport.account import Account
from mailport.errors import (
    ConfigurationError,
    MailportError,
    Refused,
    Throttled,
    TimedOut,
    Uncertain,
    Unreachable,
)
from mailport.token_failures import blame_token_request
from mailport.waiting import retry_after
from mailport_graph.fields import GraphSettings
from mailport_graph.remedies import BY_CODE, BY_NUMBER, BY_OAUTH_ERROR, BY_STATUS, Meaning

__all__ = [
    "Answer",
    "at_home",
    "at_login",
    "broken",
    "login_refused",
    "malformed",
    "refusal",
    "uncertain",
    "unknown_tenant",
]

_LOOK_UP = "Look in the mailbox's Sent Items before sending it again."
_UNCERTAIN_STATUS = frozenset({502, 504})  # a gateway that got no answer cannot know what became of the request
_GUID = re.compile(r"[\w-]{1,80}")
_FIELDS = {"host": "cloud", "port": "cloud", "use_ssl_tls": "cloud"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered: alone, or inside a batch. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    def json(self) -> dict[str, Any]:
        """Return the body as an object. Raises ``Unreachable`` (``greeting.malformed``) where it is none."""
        try:
            found = json.loads(self.body)
        except ValueError as error:
            raise malformed() from error
        if not isinstance(found, dict):
            raise malformed()
        return found

    @property
    def pause(self) -> float | None:
        """The seconds of ``Retry-After``, or None."""
        return retry_after(self.headers.get("retry-after"))

    def error_facts(self) -> tuple[str, str]:
        """Return Graph's error code and message, empty where the body is no error of Graph."""
        with suppress(MailportError):
            error = self.json().get("error")
            if isinstance(error, dict):
                return str(error.get("code") or "")[:100], str(error.get("message") or "")
        return "", ""


def refusal(answer: Answer, account: Account, *, sending: bool = False) -> MailportError:
    """Return the error that an answer other than success stands for.

    ``sending`` says that a message was handed over with the request, so that a gateway's failure leaves it uncertain.
    """
    code, message = answer.error_facts()
    if sending and answer.status in _UNCERTAIN_STATUS:
        return uncertain(f"The gateway of Microsoft Graph had no answer (HTTP {answer.status}).")
    if answer.status < 400:  # a redirect, which nobody follows with our token
        return malformed()
    meaning = _meaning(answer, code, message)
    made = meaning.kind(
        account.redact(f"{meaning.said} (HTTP {answer.status}{f', {code}' if code else ''})"),
        code=meaning.code,
        field=meaning.field,
        remedy=_filled_in(meaning.remedy, account),
        provider_code=code or str(answer.status),
        request_id=_request_id(answer.headers),
    )
    made.retry_after = answer.pause if isinstance(made, Throttled) else None
    return made


def _filled_in(remedy: str, account: Account) -> str:
    """Return a remedy whose commands name this account's app and mailbox."""
    client_id = str(getattr(account.settings, "client_id", ""))
    for placeholder, value in (("CLIENT_ID", client_id), ("USER_NAME", account.user_name), ("MAILBOX", account.user_name)):
        remedy = remedy.replace(placeholder, value)
    return remedy


def _meaning(answer: Answer, code: str, message: str) -> Meaning:
    if "access to odata is disabled" in message.lower():
        return BY_CODE["odata_disabled"]
    if answer.status == 429 or (answer.status >= 500 and answer.status != 507 and answer.pause is not None):
        return BY_STATUS[429]
    known = BY_CODE.get(code.lower()) or BY_STATUS.get(answer.status)
    if known is not None:
        return known
    if answer.status >= 500 or answer.status in (408, 423):
        return Meaning(Unreachable, "greeting.unavailable", "Microsoft Graph has an internal error.", "Try again later.")
    return Meaning(
        Refused, "send.refused", "Microsoft Graph does not take the request.", "See the provider's code; report it to us."
    )


def _request_id(headers: Mapping[str, str]) -> str | None:
    found = headers.get("request-id", "")
    return found if _GUID.fullmatch(found) else None


def broken(error: httpx2.HTTPError | httpx2.InvalidURL, *, handed_over: bool) -> MailportError:
    """Return what a request without an answer means: uncertain where a message was handed over with it."""
    if isinstance(error, httpx2.TimeoutException):
        said = "Microsoft Graph stayed silent for too long."
        return uncertain(said) if handed_over else TimedOut(said, code="connect.timeout", remedy="Try again later.")
    said = "The connection to Microsoft Graph broke."
    return uncertain(said) if handed_over else Unreachable(said, code="connect.cut", remedy="Try again later.")


def uncertain(said: str) -> Uncertain:
    """Return the error of a message that was handed over without a valid answer."""
    return Uncertain(f"{said} The message may have been sent.", remedy=_LOOK_UP)


def malformed() -> Unreachable:
    """Return the error of an answer that cannot be read."""
    return Unreachable(
        "Microsoft Graph gave an answer that cannot be read.",
        code="greeting.malformed",
        field="cloud",
        remedy="Check that no proxy or firewall answers in its place; else try again later.",
    )


def at_home(error: MailportError) -> MailportError:
    """Make a network failure speak of this protocol's fields, and return it."""
    error.field = _FIELDS.get(error.field or "", error.field)
    if error.code == "tls.not_tls":
        error.remedy = "Check that no proxy or firewall answers in the place of Microsoft Graph."
    elif error.field == "cloud" and error.code != "egress.refused":
        error.remedy = "Check the cloud, and that this machine may reach its hosts on port 443, if need be through a proxy."
    return error


def at_login(error: MailportError) -> MailportError:
    """Make a network failure on the way to the token server stand on the rung of authentication, and return it."""
    at_home(error)
    if not error.code.startswith("authentication."):
        blame_token_request(error, error.field or "cloud")  # at_home named the field
        error.message = f"No token can be had. {error.message}"
    return error


def login_refused(answer: Mapping[str, Any], account: Account) -> MailportError:
    """Return the error of a refused token request: the class by OAuth's word, the remedy by Entra's number."""
    word = str(answer.get("error") or "")[:60]
    meaning = BY_OAUTH_ERROR.get(word, BY_OAUTH_ERROR["invalid_client"])
    number = _number(answer)
    code, field, remedy = BY_NUMBER.get(number, (meaning.code, meaning.field, meaning.remedy))
    if number and number not in BY_NUMBER:
        remedy = f"{remedy} See https://login.microsoftonline.com/error?code={number}"
    if field == "client_secret_key" and getattr(account.settings, "client_secret_key", None) is None:
        field = "client_certificate"
    return meaning.kind(
        account.redact(f"{meaning.said} ({word}{f', AADSTS{number}' if number else ''})"),
        code=code,
        field=field,
        remedy=remedy,
        provider_code=f"AADSTS{number}" if number else word,
        request_id=str(answer.get("correlation_id") or "")[:80] or None,
    )


def _number(answer: Mapping[str, Any]) -> int:
    codes = answer.get("error_codes")
    if isinstance(codes, list) and codes and isinstance(codes[0], int):
        return codes[0]
    found = re.search(r"AADSTS(\d{4,9})", str(answer.get("error_description") or ""))
    return int(found.group(1)) if found else 0


def unknown_tenant(settings: GraphSettings) -> ConfigurationError:
    """Return the error of a tenant about which the token server publishes nothing."""
    code, field, remedy = BY_NUMBER[90002]
    host = settings.authority.removeprefix("https://")
    return ConfigurationError(f"{host} knows no tenant “{settings.client_tenant_id}”.", code=code, field=field, remedy=remedy)
