"""Sign-in with OpenID Connect: the authorization code flow with PKCE (RFC 7636); the provider says who comes, and in what role.

What must be remembered between the two steps lies sealed in a cookie of the browser that began.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from mailport.errors import AuthenticationFailed, NotFound, Unreachable
from mailport_workspace.access.credential import Credential
from mailport_workspace.access.gates import Gates, network_of
from mailport_workspace.access.sign_ins import BY_ADDRESS, SignIns
from mailport_workspace.sealing import KeyRing, Place, SealBroken
from mailport_workspace.settings import WorkspaceSettings
from mailport_workspace.store import Store
from mailport_workspace.tables import Role, now
from mailport_workspace.tenants.users import Users
from mailport_workspace.web import WebClient

__all__ = ["OpenId"]

LASTS = timedelta(minutes=10)
_ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
_ENDS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_PLACE = Place("*", "openid", "state")
_LEEWAY = 60
_DESCRIBED_FOR = timedelta(minutes=5)
_LIMIT, _TIMEOUT = 500_000, 20.0


@dataclass(frozen=True, slots=True)
class _Begun:
    """What belongs to one sign-in that was begun."""

    state: str
    nonce: str
    verifier: str
    redirect: str
    at: str


class OpenId:
    """Sign-in by the provider that the operator trusts, if there is one."""

    def __init__(
        self,
        settings: WorkspaceSettings,
        store: Store,
        *,
        users: Users,
        sign_ins: SignIns,
        ring: KeyRing,
        web: WebClient,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._settings = settings
        self._store = store
        self._users = users
        self._sign_ins = sign_ins
        self._ring = ring
        self._web = web
        self._gates = Gates(store, clock)
        self._clock = clock
        self._described: tuple[datetime, Mapping[str, str]] | None = None

    async def begin(self, redirect: str, *, address: str) -> tuple[str, str]:
        """Return where to send the browser at ``address``, and what it must bring back, sealed.

        Raises ``NotFound`` without a provider, and ``Throttled``.
        """
        provider = await self._provider_for(address)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        begun = _Begun(state, nonce, verifier, redirect, self._clock().isoformat())
        asked = {
            "response_type": "code",
            "client_id": self._settings.openid_client_id,
            "redirect_uri": redirect,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        url = f"{provider['authorization_endpoint']}?{urlencode(asked)}"
        return url, self._ring.seal(json.dumps(asdict(begun)), _PLACE)

    async def finish(self, brought: str, *, state: str, code: str, address: str) -> Credential:
        """Let in whom the provider names. Raises ``AuthenticationFailed``, ``Throttled``, and what ``WebClient`` raises."""
        begun = self._begun(brought, state)
        provider = await self._provider_for(address)
        claims = await self._claims(provider, await self._token(provider, begun, code), begun.nonce)
        tenant = await self._tenant(claims)
        if not isinstance(claims.get("email"), str) or claims.get("email_verified") is not True:
            raise _refused("The provider names no verified e-mail address.")
        name = str(claims.get("name") or claims["email"])
        actor = await self._users.known(tenant, email=claims["email"], name=name, role=self._role(claims))
        return await self._sign_ins.begin(actor)

    def _begun(self, brought: str, state: str) -> _Begun:
        try:
            begun = _Begun(**json.loads(self._ring.open(brought, _PLACE)))
        except (SealBroken, ValueError, TypeError) as error:
            raise _refused("This sign-in was not begun in this browser.") from error
        if not secrets.compare_digest(begun.state.encode(), state.encode()):
            raise _refused("This sign-in was not begun in this browser.")
        if self._clock() - datetime.fromisoformat(begun.at) > LASTS:
            raise _refused("This sign-in took too long.")
        return begun

    async def _provider_for(self, address: str) -> Mapping[str, str]:
        """Return how the provider described itself lately; a stranger does not make us ask it without end."""
        issuer = self._settings.openid_issuer
        if not issuer:
            raise NotFound("There is no sign-in by OpenID Connect here.", code="store.missing", remedy="Use a password.")
        await self._gates.enter((BY_ADDRESS, network_of(address)))
        if self._described is None or self._clock() - self._described[0] >= _DESCRIBED_FOR:
            self._described = self._clock(), await self._provider(issuer)
        return self._described[1]

    async def _provider(self, issuer: str) -> Mapping[str, str]:
        described = await self._read(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if described.get("issuer") != issuer or not all(isinstance(described.get(end), str) for end in _ENDS):
            raise _refused("The provider describes itself as another one.")
        return described

    async def _token(self, provider: Mapping[str, str], begun: _Begun, code: str) -> str:
        secret = self._settings.openid_client_secret
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": begun.redirect,
            "client_id": self._settings.openid_client_id,
            "client_secret": secret.get_secret_value() if secret else "",
            "code_verifier": begun.verifier,
        }
        body = urlencode({name: value for name, value in form.items() if value}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        answer = await self._web.post(provider["token_endpoint"], body, headers, timeout=_TIMEOUT, limit=_LIMIT)
        token = _json(answer.body).get("id_token") if answer.is_success else None
        if not isinstance(token, str):
            raise _refused("The provider does not confirm this sign-in.")
        return token

    async def _claims(self, provider: Mapping[str, str], token: str, nonce: str) -> Mapping[str, Any]:
        published = await self._read(provider["jwks_uri"])
        client = self._settings.openid_client_id
        options = {
            "iss": {"essential": True, "value": self._settings.openid_issuer},
            "aud": {"essential": True, "value": client},
            "nonce": {"essential": True, "value": nonce},
        }
        try:
            keys = KeySet.import_key_set(published)  # type: ignore[arg-type] # it checks what it is given
            read = jwt.decode(token, keys, algorithms=list(_ALGORITHMS))
            claims = CodeIDToken(read.claims, read.header, options, {"nonce": nonce, "client_id": client})
            claims.validate(now=int(self._clock().timestamp()), leeway=_LEEWAY)
        except (JoseError, ValueError) as error:
            raise _refused("What the provider says cannot be trusted.") from error
        return dict(claims)

    async def _tenant(self, claims: Mapping[str, Any]) -> str:
        named = claims.get(self._settings.openid_tenant_claim)
        async with self._store.survey() as rows:
            found = next((tenant.id for tenant in await rows.tenants() if named in (tenant.id, tenant.name)), None)
        if found is None:
            raise _refused("The provider names no tenant of this deployment.")
        return found

    def _role(self, claims: Mapping[str, Any]) -> Role:
        said = claims.get(self._settings.openid_role_claim)
        roles = said if isinstance(said, list) else [said]
        return Role.ADMINISTRATOR if self._settings.openid_administrator in roles else Role.AGENT

    async def _read(self, url: str) -> dict[str, Any]:
        answer = await self._web.get(url, {"Accept": "application/json"}, timeout=_TIMEOUT, limit=_LIMIT)
        found = _json(answer.body) if answer.is_success else {}
        if not found:
            raise Unreachable("The OpenID provider does not describe itself.", code="openid.provider")
        return found


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _refused(said: str) -> AuthenticationFailed:
    return AuthenticationFailed(said, code="authentication.openid", remedy="Begin to sign in once more.")
