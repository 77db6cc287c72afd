"""The server side of the SASL mechanisms that mail clients use, for the scripted servers."""

import base64
import binascii
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

Ask = Callable[[str], Awaitable[str]]  # sends a challenge as it stands, returns the answer as it came

_TOKEN_ERROR = json.dumps({"status": "401", "schemes": "bearer", "scope": "mail"})


@dataclass(frozen=True)
class Login:
    """What a client offered; `secret` is the password or the token."""

    mechanism: str
    username: str
    secret: str


class Accounts:
    """Decides who may sign in, and records every attempt in `logins`."""

    def __init__(self, users: Mapping[str, str] | None) -> None:
        self.users = users  # password or token by user name; None lets everybody in
        self.logins: list[Login] = []

    def admit(self, mechanism: str, username: str, secret: str) -> bool:
        """Whether this attempt succeeds."""
        self.logins.append(Login(mechanism, username, secret))
        return self.users is None or self.users.get(username) == secret

    async def authenticate(self, mechanism: str, initial: str, ask: Ask) -> bool:
        """Run an exchange; `initial` is the initial response in base64 or empty. ValueError: it was malformed."""
        if mechanism == "LOGIN":
            username = _decode(initial or await ask(_encode("Username:")))
            return self.admit(mechanism, username, _decode(await ask(_encode("Password:"))))
        username, secret = _PARSERS[mechanism](_decode(initial or await ask("")))
        admitted = self.admit(mechanism, username, secret)
        if not admitted and mechanism != "PLAIN":
            await ask(_encode(_TOKEN_ERROR))
        return admitted


def _plain(response: str) -> tuple[str, str]:
    _, username, password = response.split("\0")
    return username, password


def _xoauth2(response: str) -> tuple[str, str]:
    return _match(r"user=([^\1]*)\1auth=Bearer ([^\1]*)\1\1", response)


def _oauthbearer(response: str) -> tuple[str, str]:
    return _match(r"n,a=([^,]*),\1(?:[^\1]+\1)*?auth=Bearer ([^\1]*)\1\1", response)


_PARSERS = {"PLAIN": _plain, "XOAUTH2": _xoauth2, "OAUTHBEARER": _oauthbearer}


def _match(pattern: str, response: str) -> tuple[str, str]:
    found = re.fullmatch(pattern.replace(r"\1", "\x01"), response)
    if found is None:
        raise ValueError("malformed response")
    return found[1], found[2]


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decode(response: str) -> str:
    """The text of a base64 response; `=` stands for an empty one, `*` gives up."""
    if response == "=":
        return ""
    try:
        return base64.b64decode(response, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("not base64 of UTF-8") from error
