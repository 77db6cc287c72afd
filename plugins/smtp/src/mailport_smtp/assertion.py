"""A client assertion (RFC 7523): what a client signs with its certificate's key instead of showing a secret."""

from __future__ import annotations

import base64
import re
import time
from typing import Any
from uuid import uuid4

from mailport.errors import ConfigurationError, UnsupportedFeature

__all__ = ["sign"]

_LIFETIME = 300
"""Seconds; Entra and others refuse assertions that live much longer."""
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_KEY = re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.+?-----END \1PRIVATE KEY-----", re.DOTALL)


def sign(pem: str, client_id: str, token_url: str) -> str:
    """Return the assertion of ``client_id`` for the endpoint, signed with the key in ``pem`` and naming its certificate."""
    try:
        import jwt  # noqa: PLC0415 - an extra
        from cryptography import x509  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise _missing() from error
    try:
        certificate = x509.load_pem_x509_certificate(_first(_CERTIFICATE, pem))
        key: Any = serialization.load_pem_private_key(_first(_KEY, pem), password=None)
    except (ValueError, TypeError) as error:
        raise _unreadable() from error
    headers = {
        "x5t": _thumbprint(certificate.fingerprint(hashes.SHA1())),  # noqa: S303 - Entra looks the certificate up by it
        "x5t#S256": _thumbprint(certificate.fingerprint(hashes.SHA256())),
    }
    algorithm = "RS256" if isinstance(key, RSAPrivateKey) else "ES256"
    return jwt.encode(_claims(client_id, token_url), key, algorithm=algorithm, headers=headers)


def _claims(client_id: str, token_url: str) -> dict[str, Any]:
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + _LIFETIME}
    return {"iss": client_id, "sub": client_id, "aud": token_url, "jti": str(uuid4()), **times}


def _first(pattern: re.Pattern[str], pem: str) -> bytes:
    found = pattern.search(pem)
    if found is None:
        raise ValueError("not in the PEM")
    return found[0].encode()


def _thumbprint(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _missing() -> UnsupportedFeature:
    return UnsupportedFeature(
        "A client certificate is set and pyjwt is not installed.",
        code="authentication.certificate_missing",
        field="client_certificate",
        remedy="Install mailport-smtp[certificate].",
    )


def _unreadable() -> ConfigurationError:
    return ConfigurationError(
        "The client certificate cannot be read.",
        code="authentication.certificate_unreadable",
        field="client_certificate",
        remedy="Paste the certificate and its private key without a passphrase, both in PEM form.",
    )
