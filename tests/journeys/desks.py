"""Mail systems in which a service desk has a mailbox: how it is reached, how a customer writes, what the customer gets."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mailport_google.fields import GMAIL
from tests.peers.dovecot import Dovecot
from tests.peers.fake_ews.server import FakeEws
from tests.peers.fake_gmail import FakeGmail, FakeGoogleTokens
from tests.peers.fake_gmail.tokens import ServiceAccount
from tests.peers.fake_graph import FakeGraph
from tests.peers.pki import Pki
from tests.peers.postfix import Postfix
from tests.peers.token_endpoint import TokenEndpoint
from tests.peers.token_grant import Client
from tests.peers.tokens import TokenIssuer


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A desk and one customer of it, in one mail system. `outgoing` and `incoming` are the accounts that reach it."""

    address: str
    customer: str
    outgoing: dict[str, Any]
    incoming: dict[str, Any]
    write: Callable[[bytes], None]
    """Put a mail into the mailbox of the desk."""
    got: Callable[[], list[bytes]]
    """The mails that the customer got."""


def on_servers(postfix: Postfix, dovecot: Dovecot, pki: Pki) -> Desk:
    """SMTP by Postfix and IMAP by Dovecot."""
    desk, customer = _address("desk"), _address("ann")
    password = secrets.token_urlsafe(16)
    dovecot.add_user(desk, password)
    signing_in = {"user_name": desk, "password": password, "authentication": "auth_login", "ca_certificates": pki.ca_pem}
    return Desk(
        address=desk,
        customer=customer,
        outgoing={"protocol": "smtp", "host": "localhost", "port": postfix.submission, "use_ssl_tls": "TLS", **signing_in},
        incoming={"protocol": "imap", "host": "localhost", "port": dovecot.imaps, "use_ssl_tls": "SSL", **signing_in},
        write=lambda raw: dovecot.deliver(desk, raw, "INBOX"),
        got=lambda: dovecot.messages(customer, "INBOX"),
    )


@contextmanager
def on_graph(pki: Pki, issuer: TokenIssuer) -> Iterator[Desk]:
    """Microsoft Graph; what breaks the vendor's contract fails the test."""
    desk, customer, secret = _address("desk"), _address("ann"), secrets.token_urlsafe(24)
    with FakeGraph(issuer, pki.server_context()) as fake, TokenEndpoint(issuer, pki.server_context()) as tokens:
        tokens.clients["app"] = Client(desk, secret)
        account = {
            "protocol": "graph",
            "client_tenant_id": "tenant",
            "client_id": "app",
            "client_secret_key": secret,
            "user_name": desk,
            "authority_url": tokens.tenant.removesuffix("/tenant"),
            "graph_url": fake.service,
            "ca_certificates": pki.ca_pem,
        }
        yield Desk(
            address=desk,
            customer=customer,
            outgoing=account,
            incoming=account,
            write=lambda raw: _ignore(fake.mailbox(desk).add("F-inbox", raw=raw)),
            got=lambda: [mail.raw for mail in fake.delivered if customer in mail.recipients],
        )
        assert fake.violations == []


@contextmanager
def on_gmail(pki: Pki) -> Iterator[Desk]:
    """Gmail by a service account."""
    desk, customer, service = _address("desk"), _address("ann"), "mail@project.iam.gserviceaccount.com"
    key = generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    scopes = {f"{GMAIL}.send", f"{GMAIL}.readonly", f"{GMAIL}.modify"}
    with FakeGoogleTokens(pki.server_context()) as tokens, FakeGmail(pki.server_context(), tokens) as gmail:
        tokens.accounts[service] = ServiceAccount(service, public, scopes)
        box = gmail.mailbox(desk)
        account = {
            "protocol": "google",
            "service_account_address": service,
            "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "user_name": desk,
            "token_url": tokens.token_url,
            "api_url": gmail.url,
            "ca_certificates": pki.ca_pem,
        }
        yield Desk(
            address=desk,
            customer=customer,
            outgoing=account,
            incoming=account,
            write=lambda raw: _ignore(box.add(raw, "INBOX", "UNREAD")),
            got=lambda: list(gmail.outside[customer]),
        )


@contextmanager
def on_ews(pki: Pki, issuer: TokenIssuer, folder: Path) -> Iterator[Desk]:
    """Exchange Web Services; every request and answer is held against the schemas."""
    desk, customer, password = _address("desk"), _address("ann"), secrets.token_urlsafe(16)
    with FakeEws(pki.server_context(), folder, issuer) as server:
        server.add_mailbox(desk, password)
        account = {
            "protocol": "ews",
            "authentication": "plain",
            "host": server.url,
            "user_name": desk,
            "password": password,
            "ca_certificates": pki.ca_pem,
        }
        yield Desk(
            address=desk,
            customer=customer,
            outgoing=account,
            incoming=account,
            write=lambda raw: _ignore(server.room.store(desk).put(raw)),
            got=lambda: list(server.room.arrived.get(customer, [])),
        )
        assert server.violations == []


def _address(name: str) -> str:
    return f"{name}-{secrets.token_hex(4)}@example.test"


def _ignore(_made: object) -> None:
    """A mailbox tells what it made of a message; the desk does not care."""
