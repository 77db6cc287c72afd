"""TLS by component type: which versions an account may speak, built once per profile and shared.

Building a context takes about 40 ms, so contexts are cached. TLS below 1.2 exists in OpenSSL 3 only at security level 0,
which also loosens the certificate checks: it is a profile of its own and never a fall-back.
"""

from __future__ import annotations

import ssl
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from mailport.errors import ConfigurationError, MailportError, Unreachable
from mailport.fields import ComponentType

if TYPE_CHECKING:
    from asyncio import WriteTransport  # only who has a transport has imported asyncio

__all__ = ["TlsProfile", "abort", "context", "explain"]

_VERSIONS = {"1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_LEGACY_SERVER_CONNECT = 0x4  # ssl.OP_LEGACY_SERVER_CONNECT exists from Python 3.12 only


@dataclass(frozen=True, slots=True)
class TlsProfile:
    """What decides a context.

    ``minimum`` is "1.1", "1.2" or "1.3" and counts for Advanced; Basic speaks TLS 1.0 and nothing above (CMP-06).
    ``ca_certificates`` (PEM) replace the system's authorities; ``client_certificate`` is a PEM with its key.
    """

    component: ComponentType = ComponentType.ADVANCED
    minimum: str = "1.2"
    ca_certificates: str = ""
    client_certificate: str = field(default="", repr=False)


@lru_cache(maxsize=256)
def context(profile: TlsProfile) -> ssl.SSLContext:
    """Return the shared context of a profile. Raises ``ConfigurationError`` for certificates that cannot be read."""
    made = _trusting(profile.ca_certificates)
    if profile.component is ComponentType.BASIC:
        _limit(made, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1)
    elif profile.minimum == "1.1":
        _limit(made, _VERSIONS["1.1"], ssl.TLSVersion.MAXIMUM_SUPPORTED)
    else:
        made.minimum_version = _VERSIONS[profile.minimum]
    if profile.client_certificate:
        _load_client_certificate(made, profile.client_certificate)
    return made


def _trusting(ca_certificates: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=ca_certificates or None)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(
            "The CA certificates cannot be read.",
            code="settings.ca_certificates",
            field="ca_certificates",
            remedy="Paste one or more certificates in PEM form, each from BEGIN CERTIFICATE to END CERTIFICATE.",
        ) from error


def _limit(made: ssl.SSLContext, minimum: ssl.TLSVersion, maximum: ssl.TLSVersion) -> None:
    made.set_ciphers("DEFAULT:@SECLEVEL=0")
    made.options |= _LEGACY_SERVER_CONNECT
    with warnings.catch_warnings():  # Python deprecates the old versions; speaking them is the point of the profile
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version = minimum
        made.maximum_version = maximum


def _load_client_certificate(made: ssl.SSLContext, pem: str) -> None:
    try:
        with NamedTemporaryFile("w", suffix=".pem") as file:  # OpenSSL reads a key from a file only; mode 0600
            file.write(pem)
            file.flush()
            made.load_cert_chain(file.name, password="")  # OpenSSL would ask at the terminal for a passphrase
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(
            "The client certificate cannot be read.",
            code="settings.client_certificate",
            field="client_certificate",
            remedy="Paste the certificate and its private key without a passphrase, both in PEM form.",
        ) from error


# OpenSSL's X509_V_ERR_* codes.
_CHAIN, _NOT_YET, _EXPIRED, _NAME = frozenset({2, 18, 19, 20, 21}), 9, 10, frozenset({62, 64})
_VERSION_REASONS = ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE", "VERSION_TOO_LOW")
_PLAIN_REASONS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")


def explain(error: ssl.SSLError, *, host: str = "the server") -> MailportError:
    """Return a TLS failure as the error that says what to change; the caller raises it ``from`` the original."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(error, host)
    reason = (error.reason or str(error)).upper()
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or "UNEXPECTED_EOF" in reason:
        said = f"{host} ended the connection during the TLS handshake."
        return Unreachable(said, code="tls.cut", field="use_ssl_tls", remedy=_REMEDIES["cut"])
    if any(word in reason for word in _PLAIN_REASONS):
        return _setting("tls.not_tls", f"{host} does not speak TLS on this port.", "use_ssl_tls", _REMEDIES["plain"])
    if any(word in reason for word in _VERSION_REASONS):
        said = f"{host} offers no TLS version that this account allows."
        return _setting("tls.version", said, "minimum_tls_version", _REMEDIES["version"])
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return _setting("tls.handshake", f"{host} refused the TLS handshake.", "client_certificate", _REMEDIES["client"])
    return _setting("tls.failed", f"The TLS handshake with {host} failed ({reason}).", "use_ssl_tls", _REMEDIES["other"])


def _explain_certificate(error: ssl.SSLCertVerificationError, host: str) -> ConfigurationError:
    code = error.verify_code
    if code in (_EXPIRED, _NOT_YET):
        said = f"The certificate of {host} has expired, or is not valid yet."
        return _setting("tls.certificate_expired", said, "host", _REMEDIES["expired"])
    if code in _NAME:
        said = f"The certificate of the server is not for {host}."
        return _setting("tls.certificate_name", said, "host", _REMEDIES["name"])
    if code in _CHAIN:
        said = f"The certificate of {host} comes from an unknown authority."
        return _setting("tls.certificate_authority", said, "ca_certificates", _REMEDIES["authority"])
    said = f"The certificate of {host} is not accepted ({error.verify_message})."
    return _setting("tls.certificate", said, "ca_certificates", _REMEDIES["other"])


_REMEDIES = {
    "authority": "Add the certificate of the authority that signed it under CA Certificates.",
    "client": "Ask the server's administrator which client certificate or cipher it requires.",
    # Dovecot and others send no alert when no version is common to both.
    "cut": "Check the port, and which TLS versions the server speaks: many end the connection if they like none of ours.",
    "expired": "Have the server's certificate renewed, and check this machine's clock.",
    "name": "Enter the host name that the certificate names, or have the certificate reissued.",
    "other": "Ask the server's administrator about its TLS settings.",
    "plain": "Choose TLS (STARTTLS) or another port: SSL belongs to 465, 993 and 995.",
    "version": "Have the server updated to TLS 1.2, lower the minimum TLS version, or choose Basic for an inbox.",
}


def _setting(code: str, message: str, field_name: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, code=code, field=field_name, remedy=remedy)


def abort(transport: WriteTransport) -> None:
    """Close an asyncio transport at once, also one whose TLS has ended already.

    Python before 3.11.4, which Debian 12 has, raises ``AttributeError`` for that.
    """
    with suppress(AttributeError):
        transport.abort()
