"""What Exchange and the network say, as mailport errors: by response code and status, never by the words for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import requests
from exchangelib.errors import EWSError
from urllib3.exceptions import TimeoutError as PoolTimeout

from mailport.account import Account
from mailport.errors import (
    AuthenticationFailed,
    ConfigurationError,
    MailportError,
    NotFound,
    PermissionDenied,
    Throttled,
    TimedOut,
    TransportError,
    Unreachable,
)
from mailport.waiting import retry_after
from mailport_ews.codes import KNOWN
from mailport_ews.hosted import blocked_remedy, is_hosted

__all__ = ["explain_error", "explain_status", "is_gone", "malformed", "raise_broken", "request_id"]

_LONGEST = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_REQUEST_IDS = ("request-id", "X-MS-Diagnostics", "X-FEServer")
_NOT_TAKEN = "Nothing to do: it is tried again later."


def explain_error(error: Exception, account: Account) -> MailportError:
    """Return an error of exchangelib, or of ours, as ours; the caller raises it ``from`` the original."""
    if isinstance(error, MailportError):
        return error
    if not isinstance(error, EWSError):
        return malformed(f"The answer cannot be read ({type(error).__name__}).")
    code = type(error).__name__
    known = KNOWN.get(code)
    said = _clean(str(error.value), account)
    if known is None:
        return _unknown(code, said) if code.startswith("Error") else malformed("The answer is not what EWS answers.")
    remedy = known.remedy
    if code == "ErrorAccessDenied" and is_hosted(_host(account)):
        remedy = blocked_remedy(getattr(account.settings, "client_id", ""))
    text = f"{known.said} ({code}{f': {said}' if said else ''})"
    return known.kind(
        text,
        code=known.code,
        field=known.field,
        remedy=remedy,
        provider_code=code,
        retry_after=getattr(error, "back_off", None),
    )


def _unknown(code: str, said: str) -> MailportError:
    return TransportError(
        f"Exchange answered {code}{f': {said}' if said else ''}.",
        code="transport.refused",
        remedy="Look this code up in the documentation of EWS response codes.",
        provider_code=code,
    )


def malformed(said: str) -> MailportError:
    """Return the error for an answer that is not one of EWS, or not a whole one."""
    return Unreachable(
        said,
        code="greeting.malformed",
        field="host",
        remedy="Check that Host is the address of EWS, and that nothing in between changes its answers.",
    )


def explain_status(status: int, headers: Mapping[str, str], account: Account) -> MailportError:
    """Return an HTTP status other than 200, without a SOAP answer, as an error."""
    facts: dict[str, Any] = {
        "provider_code": str(status),
        "request_id": request_id(headers),
    }
    if status == 401:
        return _refused_sign_in(account, facts)
    if status == 403:
        return _forbidden(account, facts)
    if status in (429, 503):
        return _busy(status, retry_after(headers.get("Retry-After")), facts)
    if status == 413:
        known = KNOWN["ErrorMessageSizeExceeded"]
        return known.kind(f"{known.said} (HTTP 413)", code=known.code, remedy=known.remedy, **facts)
    if status >= 500:
        return Unreachable(f"The server failed (HTTP {status}).", code="greeting.unavailable", remedy=_NOT_TAKEN, **facts)
    return _wrong_address(status, facts)


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return what a server calls a request in its logs."""
    return next((headers[name][:80] for name in _REQUEST_IDS if headers.get(name)), None)


def _refused_sign_in(account: Account, facts: dict[str, Any]) -> MailportError:
    if hasattr(account.settings, "client_id"):
        return AuthenticationFailed(
            "Exchange refused the access token (HTTP 401).",
            code="authentication.token_refused",
            field="client_resource_url",
            remedy="Check Client Resource URL (the token's audience) and Client Tenant ID, and grant the application "
            "full_access_as_app with admin consent (Entra admin centre, App registrations, API permissions).",
            **facts,
        )
    if is_hosted(_host(account)):
        return AuthenticationFailed(
            "Exchange Online takes no passwords any more (HTTP 401).",
            field="authentication",
            remedy="Choose AuthLogin, or better the protocol “graph”: Microsoft ended Basic in all tenants in January 2023.",
            **facts,
        )
    return AuthenticationFailed(
        "Exchange refused user name and password (HTTP 401).",
        field="password",
        remedy="Check them; where the server asks for NTLM, write DOMAIN\\user under Login. A TLS proxy in between breaks NTLM "
        "where Extended Protection is on.",
        **facts,
    )


def _forbidden(account: Account, facts: dict[str, Any]) -> MailportError:
    if is_hosted(_host(account)):
        return PermissionDenied(
            "Exchange Online does not allow EWS for this application or tenant (HTTP 403).",
            code="permission.client_blocked",
            field="host",
            remedy=blocked_remedy(getattr(account.settings, "client_id", "")),
            **facts,
        )
    return PermissionDenied(
        "The server does not allow EWS for this account (HTTP 403).",
        field="user_name",
        remedy="Allow it with Set-CASMailbox -EwsEnabled $true, and check EwsApplicationAccessPolicy (Get-OrganizationConfig).",
        **facts,
    )


def _busy(status: int, waits: float | None, facts: dict[str, Any]) -> MailportError:
    if status == 503 and waits is None:
        return Unreachable(
            "The server is not available now (HTTP 503).", code="greeting.unavailable", remedy=_NOT_TAKEN, **facts
        )
    return Throttled(f"The server asks to come back later (HTTP {status}).", retry_after=waits, remedy=_NOT_TAKEN, **facts)


def _wrong_address(status: int, facts: dict[str, Any]) -> MailportError:
    what = "sends elsewhere" if 300 <= status < 400 else "knows no EWS"
    return ConfigurationError(
        f"The server {what} at this address (HTTP {status}).",
        code="greeting.redirected" if 300 <= status < 400 else "greeting.not_exchange",
        field="host",
        remedy="Enter the external address of EWS; on the server: Get-WebServicesVirtualDirectory | fl ExternalUrl.",
        **facts,
    )


def raise_broken(error: Exception, account: Account) -> NoReturn:
    """Raise a connection that failed, or an answer that ended early, as one of our errors, with its first cause."""
    ours = next((link for link in _chain(error) if isinstance(link, MailportError)), None)
    if ours is None:
        raise _broken(error, account) from error
    if ours.field == "port":
        ours.field = "host"  # the port is a part of the address here
    raise ours from ours.__cause__


def _broken(error: Exception, account: Account) -> MailportError:
    if any(isinstance(link, requests.Timeout | PoolTimeout | TimeoutError) for link in _chain(error)):
        return TimedOut(
            f"The server stayed silent for {account.timeout:g} seconds.",
            code="greeting.timeout",
            field="host",
            remedy="Try again later, or raise Send Mail Timeout.",
        )
    if isinstance(error, PermissionError):  # of the NTLM library
        return AuthenticationFailed(
            "The server offers NTLM and does not go through with it.",
            code="authentication.ntlm",
            field="authentication",
            remedy="Check that no TLS proxy stands in between, or have Basic enabled for the EWS virtual directory.",
        )
    return Unreachable("The connection to the server was lost.", code="connect.cut", remedy=_NOT_TAKEN)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and everything that it was made from: libraries wrap what the dialer raised in errors of their own."""
    waiting, seen = [error], set()
    while waiting:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        inner = (link.__cause__, link.__context__, getattr(link, "reason", None), *link.args)
        waiting += [found for found in inner if isinstance(found, BaseException)]


def _clean(said: str, account: Account) -> str:
    text = account.redact(_CONTROL.sub(" ", said)).strip().rstrip(".")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _host(account: Account) -> str:
    return str(getattr(account.settings, "host", ""))


def is_gone(error: MailportError | None) -> bool:
    """Whether an error says that a message is not there any more."""
    return isinstance(error, NotFound) and error.code == "read.gone"
