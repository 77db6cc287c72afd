"""A client certificate as people paste it: certificates and private key in one PEM text, in any order."""

from __future__ import annotations

import re

from mailport.errors import ConfigurationError

__all__ = ["certificate_and_key"]

_KEY = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def certificate_and_key(pem: str) -> tuple[str, str]:
    """Return the certificates, the client's own one first, and the private key, each as PEM.

    Raises ``ConfigurationError`` where one of them is missing, cannot be read or has a passphrase, and for a key that is not
    RSA: token servers take no other. No error shows the key.
    Needs the package cryptography, without which no library signs with a key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - 50 ms, and few accounts have a certificate
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415

    key, certificates = _KEY.search(pem), "\n".join(_CERTIFICATE.findall(pem))
    if key is None or not certificates:
        raise _unreadable()
    try:
        is_rsa = isinstance(load_pem_private_key(key[0].encode(), None), RSAPrivateKey)
        load_pem_x509_certificates(certificates.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unreadable() from None  # the cause might show the key
    if not is_rsa:
        raise _unreadable()
    return certificates, key[0]


def _unreadable() -> ConfigurationError:
    return ConfigurationError(
        "The client certificate cannot be read.",
        code="authentication.certificate_unreadable",
        field="client_certificate",
        remedy="Paste the certificate and its RSA key without a passphrase, both in PEM form.",
    )
