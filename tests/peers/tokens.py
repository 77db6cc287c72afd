"""Access tokens as an identity provider issues them: RS256 JSON Web Tokens, with the public key where Dovecot looks."""

import secrets
import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.peers.process import share


class TokenIssuer:
    """Issues tokens; `folder` is the prefix below which Dovecot finds the public key."""

    issuer = "https://issuer.example.test"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key_id = secrets.token_hex(8)
        self._key = _new_key()
        self._strange_key = _new_key()
        self._publish()

    def token(self, username: str, *, scope: str = "mail", expires_in: float = 3600) -> str:
        """A valid token for `username`; a negative `expires_in` makes an expired one."""
        return self._sign(username, scope, expires_in, self._key)

    def forged_token(self, username: str) -> str:
        """A token that names our key but was signed with another one."""
        return self._sign(username, "mail", 3600, self._strange_key)

    def _sign(self, username: str, scope: str, expires_in: float, key: RSAPrivateKey) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": username,
            "username": username,
            "scope": scope,
            "iat": now - 60,
            "nbf": now - 60,
            "exp": int(now + expires_in),
            "jti": secrets.token_hex(8),
        }
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": self.key_id})

    def _publish(self) -> None:
        folder = self.folder / "default" / "RS256"
        folder.mkdir(parents=True)
        public = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / self.key_id).write_bytes(public)
        self.folder.chmod(0o755)
        share(self.folder)


def _new_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)
