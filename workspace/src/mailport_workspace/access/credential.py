"""What a caller shows: it names its tenant and its row, so that the row is looked up behind the wall, and holds a secret."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Self

from mailport.errors import AuthenticationFailed

__all__ = ["Credential", "refused"]

_SHAPE = re.compile(r"mailport_([0-9a-f]{32})_([0-9a-f]{32})_([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Credential:
    """A token or cookie, in parts: the row it belongs to, and 256 random bits of which only a digest is stored."""

    tenant: str
    id: str
    secret: str = field(repr=False)

    @classmethod
    def fresh(cls, tenant: str, row: str) -> Self:
        """Return a new one for a row."""
        return cls(tenant, row, secrets.token_hex(32))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one. Raises ``AuthenticationFailed``."""
        match = _SHAPE.fullmatch(text)
        if match is None:
            raise refused()
        return cls(*match.groups())

    @property
    def text(self) -> str:
        """What the caller keeps."""
        return f"mailport_{self.tenant}_{self.id}_{self.secret}"

    @property
    def digest(self) -> str:
        """What is stored; the secret is random and long, so that a plain hash cannot be turned back."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    @property
    def csrf(self) -> str:
        """The token against forged requests that belongs to a cookie: who cannot read the cookie cannot make it."""
        return hmac.digest(self.secret.encode(), b"csrf", "sha256").hex()

    def fits(self, digest: str) -> bool:
        """Whether the digest is this one's, in a time that tells nothing."""
        return hmac.compare_digest(self.digest, digest)


def refused() -> AuthenticationFailed:
    """Return the error that all callers get who are not known, or not any more."""
    return AuthenticationFailed(
        "The caller is not signed in.",
        code="authentication.required",
        remedy="Sign in, or send a valid API token as “Authorization: Bearer …”.",
    )
