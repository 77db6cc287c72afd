"""Access tokens by OAuth client credentials, from msal: with a secret or a certificate, in every cloud.

msal asks in its constructor and knows nothing of other threads, so that it runs in a thread of its own, at most once for a
credential (``services.tokens``). It is given our connections: egress, proxy and authorities are the account's.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import requests

from mailport.account import Account
from mailport.certificate import certificate_and_key
from mailport.errors import MailportError
from mailport.services import Services
from mailport.token_failures import blame_token_request, no_token, not_now, unanswered
from mailport.tokens import Token
from mailport.waiting import retry_after
from mailport.worker import Worker
from mailport_ews.dialing import Dialer, new_session
from mailport_ews.oauth_translate import explain_discovery, explain_result
from mailport_ews.translate import raise_broken

__all__ = ["access_token", "forget_token"]

_LARGEST = 256 * 1024
"""Bytes of an answer; tokens have a few thousand."""
_FIELD = "client_login_url"
_REMEDY = "Check Client Login URL."


async def access_token(account: Account, services: Services) -> str:
    """Return a token for the account; a known one while it is valid.

    Raises errors whose code is ``authentication.…`` and whose field is the setting at fault.
    """
    return await services.tokens.get(_credential(account), lambda: _fetch(account, services))


def forget_token(account: Account, services: Services, token: str) -> None:
    """Drop a token that the server refused, so that the next call asks for a fresh one."""
    services.tokens.forget(_credential(account), token)


def _credential(account: Account) -> str:
    wanted: Any = account.settings
    names = (wanted.client_login_url, wanted.client_tenant_id, wanted.client_id, wanted.client_resource_url)
    return hashlib.sha256("\n".join(("ews", *names, *sorted(wanted.secrets()))).encode()).hexdigest()


async def _fetch(account: Account, services: Services) -> Token:
    dialer = Dialer(account, services, trusts_public=True)
    worker = Worker("ews-token", dialer.cut)
    try:
        async with asyncio.timeout(account.timeout):
            return await worker.run(_ask, account, dialer)
    except TimeoutError as error:
        if isinstance(error, MailportError):
            raise
        raise unanswered(_FIELD, "Try again later, and check Client Login URL.", account.timeout) from error
    finally:
        await worker.close()


def _ask(account: Account, dialer: Dialer) -> Token:
    http = _Http(dialer, account)
    try:
        result = _application(account, http).acquire_token_for_client([_scope(account)])
    except MailportError:
        raise
    except Exception as error:  # msal has no class for what goes wrong below it
        if http.failure is not None:
            raise http.failure from http.failure.__cause__
        raise (explain_discovery(account) if http.is_discovery else no_token(_FIELD, _REMEDY)) from error
    finally:
        http.close()
    return _token(result or {}, account)


def _scope(account: Account) -> str:
    settings: Any = account.settings
    return f"{settings.client_resource_url.rstrip('/')}/.default"


def _application(account: Account, http: _Http) -> Any:
    from msal import ConfidentialClientApplication  # noqa: PLC0415 - takes half a second; accounts with passwords need none

    settings: Any = account.settings
    return ConfidentialClientApplication(
        settings.client_id,
        client_credential=_proof(settings),
        authority=f"{settings.client_login_url.rstrip('/')}/{settings.client_tenant_id}",
        instance_discovery=False,  # it would ask Microsoft's global cloud about every other one
        http_client=http,
    )


def _proof(settings: Any) -> Any:
    if settings.client_secret_key is not None:
        return settings.client_secret_key.get_secret_value()
    certificates, key = certificate_and_key(settings.client_certificate.get_secret_value())
    return {"private_key": key, "public_certificate": certificates}


def _token(result: dict[str, Any], account: Account) -> Token:
    if "error" in result:
        raise explain_result(result, account)
    return Token.from_answer(result, field=_FIELD, remedy=_REMEDY)


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer as msal reads it."""

    status_code: int
    text: str
    headers: dict[str, str]

    def raise_for_status(self) -> None:
        """Raise for a status that is an error."""
        if self.status_code >= 400:
            raise requests.HTTPError(f"HTTP {self.status_code}")


class _Http:
    """The HTTP client that msal is given. It remembers why it failed: msal makes a ValueError of everything."""

    def __init__(self, dialer: Dialer, account: Account) -> None:
        self.failure: MailportError | None = None
        self.is_discovery = True
        self._account = account
        self._session = new_session(dialer)

    def get(self, url: str, *, params: Any = None, headers: Any = None, **_: Any) -> _Answer:
        """Ask for a discovery document."""
        self.is_discovery = True
        return self._request("GET", url, params=params, headers=headers)

    def post(self, url: str, *, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> _Answer:
        """Ask for a token."""
        self.is_discovery = False
        return self._request("POST", url, params=params, data=data, headers=headers)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _request(self, method: str, url: str, **what: Any) -> _Answer:
        try:
            answer = self._exchange(method, url, **what)
        except MailportError as error:
            blame_token_request(error, _FIELD)
            self.failure = error
            raise
        if answer.status_code == 429 or answer.status_code >= 500:
            waits = retry_after(answer.headers.get("Retry-After"))
            self.failure = not_now(answer.status_code, waits, provider_code=str(answer.status_code))
            raise self.failure
        return answer

    def _exchange(self, method: str, url: str, **what: Any) -> _Answer:
        timeout = self._account.timeout
        try:
            sent = self._session.request(method, url, timeout=timeout, allow_redirects=False, stream=True, **what)
            with closing(sent) as response:
                text = response.raw.read(_LARGEST, decode_content=True).decode("utf-8", "replace")
                return _Answer(response.status_code, text, dict(response.headers))
        except Exception as error:
            raise_broken(error, self._account)
