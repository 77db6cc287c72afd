"""Certificates of a private authority: a good one, and one for every way a certificate can be bad."""

import ssl
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

SERVER_NAMES = ("127.0.0.1", "localhost", "mail.example.test")


@dataclass(frozen=True)
class Pki:
    """Paths of PEM files; a certificate's file holds its private key and its chain."""

    ca: Path
    other_ca: Path
    good: Path
    wrong_name: Path
    expired: Path
    unknown_ca: Path  # for the right names, signed by `other_ca`
    client: Path

    @property
    def ca_pem(self) -> str:
        """The certificate of the authority that clients shall trust."""
        return self.ca.read_text()

    def client_context(self) -> ssl.SSLContext:
        """A strict client context that trusts this authority only."""
        return ssl.create_default_context(cafile=str(self.ca))

    def legacy_client_context(self) -> ssl.SSLContext:
        """A client context that also speaks TLS 1.0, which OpenSSL has at security level 0 only."""
        context = self.client_context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
        return context

    def server_context(self, certificate: Path | None = None) -> ssl.SSLContext:
        """A server context with `certificate`, by default the good one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate or self.good)
        return context


def make_pki(folder: Path) -> Pki:
    """Create the two authorities and every certificate below `folder`."""
    # TLS 1.0 peers need RSA keys.
    ca = trustme.CA(key_type=trustme.KeyType.RSA)
    other_ca = trustme.CA(key_type=trustme.KeyType.RSA)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    return Pki(
        ca=_authority(ca, folder / "ca.pem"),
        other_ca=_authority(other_ca, folder / "other-ca.pem"),
        good=_certificate(ca, folder / "good.pem", *SERVER_NAMES),
        wrong_name=_certificate(ca, folder / "wrong-name.pem", "elsewhere.example.test"),
        expired=_certificate(ca, folder / "expired.pem", *SERVER_NAMES, not_after=yesterday),
        unknown_ca=_certificate(other_ca, folder / "unknown-ca.pem", *SERVER_NAMES),
        client=_certificate(ca, folder / "client.pem", "client@example.test"),
    )


def _authority(ca: trustme.CA, path: Path) -> Path:
    ca.cert_pem.write_to_path(str(path))
    return path


def _certificate(ca: trustme.CA, path: Path, *names: str, not_after: datetime | None = None) -> Path:
    issued = ca.issue_cert(*names, not_after=not_after, key_type=trustme.KeyType.RSA)
    issued.private_key_and_cert_chain_pem.write_to_path(str(path))
    return path
