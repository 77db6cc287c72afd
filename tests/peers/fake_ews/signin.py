"""Who asks: Basic, NTLM and bearer tokens, checked with libraries that the plugin does not use for it."""

import base64
import binascii
import os
import tempfile
from pathlib import Path

import jwt
import spnego

from tests.peers.tokens import TokenIssuer


class Users:
    """People with passwords, and the issuer whose tokens count."""

    def __init__(self, folder: Path, issuer: TokenIssuer | None = None) -> None:
        self.passwords: dict[str, str] = {}
        self.issuer = issuer
        self._file = folder / "ntlm-users"

    def add(self, login: str, password: str) -> None:
        """Add a login: an address, or DOMAIN\\user."""
        self.passwords[login.lower()] = password

    def basic(self, credentials: str) -> str | None:
        """The login in a Basic header, None if the password is wrong."""
        try:
            login, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return login.lower() if self.passwords.get(login.lower()) == password else None

    def bearer(self, token: str) -> bool:
        """Whether a token is ours and has not ended."""
        if self.issuer is None:
            return False
        try:
            key = self.issuer.folder / "default" / "RS256" / jwt.get_unverified_header(token)["kid"]
            jwt.decode(token, key.read_bytes(), algorithms=["RS256"])
        except (jwt.InvalidTokenError, OSError, KeyError):
            return False
        return True

    def ntlm(self) -> "Ntlm":
        """One handshake."""
        lines = [f"{_domain(login)}:{_name(login)}:{password}" for login, password in self.passwords.items()]
        self._file.write_text("\n".join(lines) + "\n")
        os.environ["NTLM_USER_FILE"] = str(self._file)
        return Ntlm()


class Ntlm:
    """The server's side of NTLM on one connection."""

    def __init__(self) -> None:
        self._context = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)

    def step(self, message: str) -> tuple[str | None, str]:
        """The login once it is known, and what to answer until then. Raises `spnego.exceptions.SpnegoError`."""
        answer = self._context.step(base64.b64decode(message))
        if self._context.complete:
            return str(self._context.client_principal).lower(), ""
        return None, base64.b64encode(answer or b"").decode()


def _domain(login: str) -> str:
    return login.partition("\\")[0].upper() if "\\" in login else ""


def _name(login: str) -> str:
    return login.rpartition("\\")[2]


def new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="mailport-ews-"))
