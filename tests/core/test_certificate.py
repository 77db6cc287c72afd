"""Client certificates as people paste them."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as rsa_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from mailport.certificate import certificate_and_key
from mailport.errors import ConfigurationError
from mailport.tls import TlsProfile, context
from tests.peers.pki import Pki


def parts(pki: Pki) -> tuple[str, str]:
    """The key and the certificates of the client's file."""
    key, certificates = certificate_and_key(pki.client.read_text())[::-1]
    return key, certificates


def locked() -> str:
    return rsa_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()


# PLS-02
def test_the_order_does_not_matter(pki: Pki) -> None:
    """Certificate and key are found in any order, with other text around them."""
    key, certificates = parts(pki)
    text = f"Bag Attributes\n{certificates}\n\n{key}\nthe end"
    assert certificate_and_key(text) == (certificates, key)


@pytest.mark.parametrize("kind", ["none", "locked", "broken", "elliptic", "no certificate"])
def test_what_cannot_sign_is_told_at_its_field(pki: Pki, kind: str) -> None:
    """A key that is missing, has a passphrase, is damaged or is no RSA key names its field, and is not shown."""
    key, certificates = parts(pki)
    elliptic = ec_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    keys = {"none": "", "locked": locked(), "broken": key.replace("\n", "\nAAAA", 2), "elliptic": elliptic}
    with pytest.raises(ConfigurationError) as caught:
        certificate_and_key(keys.get(kind, key) + ("" if kind == "no certificate" else certificates))
    assert caught.value.field == "client_certificate"
    assert caught.value.__cause__ is None


def test_nobody_is_asked_for_a_passphrase(pki: Pki) -> None:
    """A key with a passphrase is an error at once for TLS as well: OpenSSL would ask for it at the terminal."""
    with pytest.raises(ConfigurationError) as caught:
        context(TlsProfile(client_certificate=locked() + parts(pki)[1]))
    assert caught.value.field == "client_certificate"
