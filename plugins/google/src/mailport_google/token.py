"""Access tokens: google-auth signs the assertion, our own line carries it, core's cache keeps the token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any

import google.auth.transport
from google.auth.exceptions import GoogleAuthError
from google.oauth2.service_account import Credentials

from mailport.errors import MailportError
from mailport.token_failures import blame_token_request
from mailport.tokens import Token
from mailport_google.fields import GoogleSettings
from mailport_google.line import Line
from mailport_google.said import read_token_answer
from mailport_google.translate import bad_key, broken, malformed_token, token_refused

__all__ = ["fetch_token"]


def fetch_token(settings: GoogleSettings, line: Line) -> Token:
    """Ask for a token, once. Blocks; raises a ``MailportError``."""
    credentials = _credentials(settings)
    try:
        credentials.refresh(_Request(line, settings))
    except MailportError as error:
        blame_token_request(error, "token_url")
        raise
    except (OSError, HTTPException) as error:
        failure = broken(error, "greeting" if isinstance(error, TimeoutError) else "connect", handed_over=line.handed_over)
        blame_token_request(failure, "token_url")
        raise failure from error
    except GoogleAuthError as error:
        raise malformed_token(type(error).__name__) from error
    return Token(str(credentials.token), _lifetime(credentials.expiry))


def _credentials(settings: GoogleSettings) -> Any:
    info = {
        "client_email": settings.service_account_address,
        "private_key": settings.private_key.get_secret_value(),
        "token_uri": settings.token_url,
    }
    try:
        return Credentials.from_service_account_info(info, scopes=settings.scopes, subject=settings.user_name)  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, GoogleAuthError):
        raise bad_key() from None  # the cause might show the key


def _lifetime(expiry: datetime | None) -> float:
    """Return the seconds until ``expiry``, which google-auth gives in UTC without a time zone."""
    return max(0.0, (expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()) if expiry else 0.0


class _Request(google.auth.transport.Request):
    """Carries google-auth's request. A refusal is raised here: google-auth would sleep and ask again."""

    def __init__(self, line: Line, settings: GoogleSettings) -> None:
        self._line = line
        self._settings = settings

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002 - google-auth's signature; the line has the account's timeout
        **_: Any,
    ) -> _Answer:
        response, content = self._line.request(url, method, body, headers)
        if response.status != 200:
            raise token_refused(read_token_answer(response.status, response, content), self._settings)
        if not _is_token(content):
            raise malformed_token("no token in it")
        return _Answer(response.status, response, content)


class _Answer(google.auth.transport.Response):
    """An answer as google-auth reads it."""

    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self._facts = (status, headers, data)

    @property
    def status(self) -> int:
        return self._facts[0]

    @property
    def headers(self) -> Mapping[str, str]:
        return self._facts[1]

    @property
    def data(self) -> bytes:
        return self._facts[2]


def _is_token(content: bytes) -> bool:
    try:
        answer = json.loads(content)
    except ValueError:
        return False
    return isinstance(answer, dict) and isinstance(answer.get("access_token"), str)
