"""How a request is signed: a bearer token, or the password as the server offers to take it."""

from __future__ import annotations

import re
from typing import Any

from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth
from requests_ntlm import HttpNtlmAuth

from mailport.account import Account
from mailport.errors import ConfigurationError

__all__ = ["Bearer", "choose", "offered", "password_auth"]

_SCHEME = re.compile(r"(?:^|,)\s*(negotiate|ntlm|basic|bearer|digest)\b", re.IGNORECASE)
_BY_NTLM = frozenset({"ntlm", "negotiate"})


class Bearer(AuthBase):
    """Signs a request with a token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def offered(challenge: str | None) -> frozenset[str]:
    """Return the schemes that a WWW-Authenticate header offers, in lower case."""
    return frozenset(found.lower() for found in _SCHEME.findall(challenge or ""))


def choose(schemes: frozenset[str], login: str) -> str:
    """Return ``basic`` or ``ntlm`` for a server that offers ``schemes``; one is chosen and tried once.

    Basic where the login is an address: servers refuse those with NTLM, and a second try would count as a failed login. A
    server that offers nothing is asked by Basic, which never needs an offer.
    """
    by_ntlm = bool(schemes & _BY_NTLM)
    if by_ntlm and not ("basic" in schemes and "@" in login):
        return "ntlm"
    if "basic" in schemes or not schemes:
        return "basic"
    raise ConfigurationError(
        f"The server offers no sign-in with a password (it offers: {', '.join(sorted(schemes))}).",
        code="capabilities.auth_missing",
        field="authentication",
        remedy="Choose AuthLogin (OAuth), or have the administrator enable NTLM or Basic for the EWS virtual directory.",
    )


def password_auth(account: Account, schemes: frozenset[str]) -> AuthBase:
    """Return what signs this account's requests with its password."""
    settings: Any = account.settings
    login = settings.login or account.user_name
    password = settings.password.get_secret_value()
    if choose(schemes, login) == "basic":
        return HTTPBasicAuth(login.encode(), password.encode())  # requests would encode text as latin-1
    # An empty domain makes the NTLM library pass an address on as it is.
    made: AuthBase = HttpNtlmAuth(f"\\{login}" if "@" in login else login, password)
    return made
