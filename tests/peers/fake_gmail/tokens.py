"""Google's token endpoint: Authlib's JWT bearer grant (RFC 7523) with Google's words for its refusals."""

import json
import secrets
import ssl
import time
import warnings
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from authlib.oauth2.rfc6749 import (
        AuthorizationServer,
        InvalidGrantError,
        OAuth2Request,
        UnauthorizedClientError,
    )
    from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
    from authlib.oauth2.rfc7523 import JWTBearerGrant
    from joserfc import jwk
    from joserfc.errors import BadSignatureError

from tests.peers.fake_gmail.serving import Answer, Request, TlsServer

AUDIENCE = "https://oauth2.googleapis.com/token"
"""What google-auth always signs, wherever it sends the assertion."""


@dataclass
class ServiceAccount:
    """One service account: its public key, and the scopes that the domain delegated to it."""

    address: str
    public_key: str
    delegated: set[str] = field(default_factory=set)

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether it may use the grant."""
        return bool(grant_type == JWTBearerGrant.GRANT_TYPE)


@dataclass(frozen=True)
class Grant:
    """What a token is good for."""

    user: str
    scopes: frozenset[str]
    ends: float


class FakeGoogleTokens(TlsServer):
    """Serves from entering to leaving the block, at `token_url`. `grants` are the tokens that are valid now."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context)
        self.accounts: dict[str, ServiceAccount] = {}
        self.users: set[str] = set()
        self.grants: dict[str, Grant] = {}
        self.lifetime = 3600
        self.clock_offset = 0.0  # seconds that this server's clock is ahead of ours
        self.refused = 0
        self._authority = _Authority(self)

    @property
    def token_url(self) -> str:
        """The endpoint."""
        return f"{self.url}token"

    def operation(self, request: Request) -> str:
        return f"token {request.method} {request.path}"

    def perform(self, operation: str, request: Request) -> Answer:
        assert operation == "token POST /token", operation
        answer: Answer = self._authority.create_token_response(request)
        self.refused += answer.status != 200
        return answer


class _Authority(AuthorizationServer):  # type: ignore[misc]
    """Authlib's server between our requests and answers."""

    def __init__(self, endpoint: FakeGoogleTokens) -> None:
        super().__init__()
        self.endpoint = endpoint
        self.register_token_generator("default", self._token)
        self.register_grant(_Bearer)

    def create_oauth2_request(self, request: Request) -> "_Form":
        return _Form(request)

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Answer:
        return Answer(status, json.dumps(body).encode(), tuple(headers))

    def send_signal(self, *_: Any, **__: Any) -> None:
        """Nobody listens."""

    def save_token(self, token: dict[str, Any], request: "_Form") -> None:
        ends = time.time() + self.endpoint.lifetime
        self.endpoint.grants[token["access_token"]] = Grant(request.user, frozenset(request.claimed_scope.split()), ends)

    def _token(self, **_: Any) -> dict[str, Any]:
        token = f"ya29.{secrets.token_urlsafe(24)}"
        return {"access_token": token, "expires_in": self.endpoint.lifetime, "token_type": "Bearer"}


class _Form(OAuth2Request):  # type: ignore[misc]
    """A token request."""

    def __init__(self, request: Request) -> None:
        super().__init__(request.method, f"https://localhost{request.path}", headers=dict(request.headers))
        self._fields = dict(parse_qsl(request.body.decode()))
        self.payload = BasicOAuth2Payload(self._fields)
        self.claimed_scope = ""

    @property
    def form(self) -> dict[str, str]:
        return self._fields


class _Bearer(JWTBearerGrant):  # type: ignore[misc]
    """The grant, in Google's words."""

    def get_audiences(self) -> list[str]:
        return [AUDIENCE]

    def resolve_issuer_client(self, issuer: str) -> ServiceAccount:
        account: ServiceAccount | None = self.server.endpoint.accounts.get(issuer)
        if account is None:
            raise InvalidGrantError(description="Invalid grant: account not found")
        return account

    def resolve_client_public_key(self, client: ServiceAccount) -> Any:
        return jwk.import_key(client.public_key, "RSA")

    def process_assertion_claims(self, assertion: str) -> Any:
        try:
            claims = super().process_assertion_claims(assertion)
        except InvalidGrantError as error:
            if isinstance(error.__cause__, BadSignatureError):
                raise InvalidGrantError(description="Invalid JWT Signature.") from error
            raise
        self.request.claimed_scope = claims["scope"]
        return claims

    def verify_claims(self, claims: Any) -> None:
        now = time.time() + self.server.endpoint.clock_offset
        if not claims["iat"] - 300 <= now <= claims["exp"] or claims["exp"] - claims["iat"] > 3600:
            said = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
            raise InvalidGrantError(description=said + "Check your iat and exp values in the JWT claim.")
        super().verify_claims(claims)

    def authenticate_user(self, subject: str) -> str:
        if subject not in self.server.endpoint.users:
            raise InvalidGrantError(description="Invalid email or User ID")
        return subject

    def has_granted_permission(self, client: ServiceAccount, user: str) -> bool:
        if not set(self.request.claimed_scope.split()) <= client.delegated:
            said = "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any "
            raise UnauthorizedClientError(description=said + "of the scopes requested.")
        return bool(user)
