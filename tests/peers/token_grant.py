"""Whom a token endpoint trusts, and what it answers: the client_credentials grant of OAuth 2.0."""

import base64
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"

Form = Mapping[str, str]


@dataclass(frozen=True)
class Client:
    """A registered client: it proves itself with `secret`, or with the key of `certificate` (a PEM file)."""

    username: str  # whose mailbox its tokens open
    secret: str | None = None
    certificate: Path | None = None


class Rejected(Exception):
    """An OAuth error (RFC 6749, section 5.2)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.status = 401 if error == "invalid_client" else 400
        self.answer = {"error": error, "error_description": description}


def authenticate(clients: Mapping[str, Client], form: Form, authorization: str, audience: str) -> Client:
    """The client that sent this request, by client_secret_basic, client_secret_post or private_key_jwt."""
    if form.get("client_assertion_type") == _ASSERTION_TYPE:
        return _by_assertion(clients, form.get("client_assertion", ""), audience)
    client_id, secret = _basic(authorization) if authorization else (form.get("client_id"), form.get("client_secret"))
    client = clients.get(client_id or "")
    if client is None or not secret or client.secret != secret:
        raise Rejected("invalid_client", "unknown client or wrong secret")
    return client


def check_grant(form: Form, scopes: set[str] | None) -> None:
    """Refuse other grants than client_credentials, and scopes that are not among `scopes` (None allows all)."""
    if form.get("grant_type") != "client_credentials":
        raise Rejected("unsupported_grant_type", "only client_credentials is supported")
    unknown = set(form.get("scope", "").split()) - scopes if scopes is not None else set()
    if unknown:
        raise Rejected("invalid_scope", f"unknown scope {' '.join(sorted(unknown))}")


def _basic(authorization: str) -> tuple[str, str]:
    try:
        client_id, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
    except ValueError as error:
        raise Rejected("invalid_client", "malformed Authorization header") from error
    return urllib.parse.unquote_plus(client_id), urllib.parse.unquote_plus(secret)


def _by_assertion(clients: Mapping[str, Client], assertion: str, audience: str) -> Client:
    try:
        client_id = jwt.decode(assertion, options={"verify_signature": False}).get("iss", "")
        client = clients.get(client_id)
        if client is None or client.certificate is None:
            raise Rejected("invalid_client", "no certificate is registered for this client")
        _verify(assertion, _public_key(client.certificate), audience, client_id)
    except jwt.InvalidTokenError as error:
        raise Rejected("invalid_client", f"the assertion is not valid: {error}") from error
    return client


def _verify(assertion: str, key: RSAPublicKey, audience: str, client_id: str) -> None:
    required = {"require": ["exp", "aud", "iss", "sub", "jti"]}
    jwt.decode(
        assertion,
        key,
        algorithms=["RS256", "PS256"],
        audience=audience,
        issuer=client_id,
        subject=client_id,
        options=required,  # type: ignore[arg-type]
    )


def _public_key(path: Path) -> RSAPublicKey:
    # The file may begin with the private key.
    pem = path.read_bytes()
    key = load_pem_x509_certificate(pem[pem.index(_CERTIFICATE) :]).public_key()
    if not isinstance(key, RSAPublicKey):
        raise TypeError(f"{path} holds no RSA key")
    return key
