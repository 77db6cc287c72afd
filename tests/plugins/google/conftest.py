"""A Google of our own: token endpoint, Gmail, a service account whose domain delegated every scope, and one user."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mailport.account import Account, validate
from mailport.fields import Direction
from mailport_google.fields import GMAIL, PROTOCOL
from tests.peers.fake_gmail import FakeGmail, FakeGoogleTokens, Mailbox
from tests.peers.fake_gmail.tokens import ServiceAccount
from tests.peers.pki import Pki

SERVICE_ACCOUNT = "mail@project.iam.gserviceaccount.com"
SCOPES = {f"{GMAIL}.send", f"{GMAIL}.readonly", f"{GMAIL}.modify"}


def pem(key: RSAPrivateKey) -> str:
    """The key as Google hands it out."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass
class Google:
    """Both servers, and what an account needs to use them."""

    tokens: FakeGoogleTokens
    gmail: FakeGmail
    private_key: str
    other_key: str
    ca: str
    other_ca: str
    user: str

    @property
    def mailbox(self) -> Mailbox:
        """The user's mailbox."""
        return self.gmail.mailbox(self.user)

    def values(self, **changes: Any) -> dict[str, Any]:
        """Settings that work."""
        return {
            "protocol": "google",
            "service_account_address": SERVICE_ACCOUNT,
            "private_key": self.private_key,
            "user_name": self.user,
            "token_url": self.tokens.token_url,
            "api_url": self.gmail.url,
            "ca_certificates": self.ca,
            "quota_units_per_minute": 1_000_000,
        } | changes

    def account(self, direction: Direction | str = "outgoing", **changes: Any) -> Account:
        """An account that works."""
        towards = Direction(direction)
        component = {"email_component_type": "advanced"} if towards is Direction.INCOMING else {}
        return validate(PROTOCOL, towards, self.values(**component) | changes)


@pytest.fixture(scope="session")
def rsa_keys() -> tuple[RSAPrivateKey, RSAPrivateKey]:
    """The service account's key, and one that Google does not know."""
    return generate_private_key(65537, 2048), generate_private_key(65537, 2048)


@pytest.fixture
def google(pki: Pki, rsa_keys: tuple[RSAPrivateKey, RSAPrivateKey]) -> Iterator[Google]:
    """A fresh Google; every request and answer is held against its own description when the test ends."""
    good, other = rsa_keys
    public = good.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    user = f"user-{secrets.token_hex(4)}@example.test"
    with FakeGoogleTokens(pki.server_context()) as tokens, FakeGmail(pki.server_context(), tokens) as gmail:
        tokens.accounts[SERVICE_ACCOUNT] = ServiceAccount(SERVICE_ACCOUNT, public, set(SCOPES))
        gmail.mailbox(user)
        yield Google(tokens, gmail, pem(good), pem(other), pki.ca_pem, pki.other_ca.read_text(), user)
