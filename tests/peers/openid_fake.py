"""A small OpenID provider: it signs in at once whom the test names, and checks the client, the code and its verifier."""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Form, HTTPException
from fastapi.responses import RedirectResponse
from joserfc import jwt
from joserfc.jwk import RSAKey


@dataclass
class OpenIdFake:
    """`claims` are those of whoever signs in next; `overrides` spoil the token; `described` counts."""

    issuer: str = ""
    client_id: str = "mailport"
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    claims: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    published: RSAKey | None = None
    described: int = 0
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def token(self, nonce: str) -> str:
        """Return the signed ID token of whoever signs in."""
        at = int(time.time())
        standard = {"iss": self.issuer, "aud": self.client_id, "sub": "1", "iat": at, "exp": at + 300, "nonce": nonce}
        return jwt.encode({"alg": "RS256", "kid": "one"}, {**standard, **self.claims, **self.overrides}, self.key)


def openid_app(fake: OpenIdFake) -> FastAPI:
    """Return the provider as an application."""
    app = FastAPI()

    @app.get("/.well-known/openid-configuration")
    async def describe() -> dict[str, Any]:
        fake.described += 1
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": fake.issuer} | {name: f"{fake.issuer}/{path}" for name, path in ends.items()}

    @app.get("/keys")
    async def keys() -> dict[str, Any]:
        return {"keys": [(fake.published or fake.key).as_dict(private=False)]}

    @app.get("/authorize")
    async def authorize(
        response_type: str, client_id: str, redirect_uri: str, scope: str, state: str, nonce: str, code_challenge: str
    ) -> RedirectResponse:
        if (response_type, client_id) != ("code", fake.client_id) or "openid" not in scope.split():
            raise HTTPException(400)
        code = secrets.token_urlsafe(16)
        fake.codes[code] = {"challenge": code_challenge, "redirect": redirect_uri, "nonce": nonce}
        return RedirectResponse(f"{redirect_uri}?code={code}&state={state}", 303)

    @app.post("/token")
    async def token(
        code: str = Form(), redirect_uri: str = Form(), client_secret: str = Form(), code_verifier: str = Form()
    ) -> dict[str, str]:
        begun = fake.codes.pop(code, None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()
        given = {"challenge": challenge, "redirect": redirect_uri}
        if begun is None or client_secret != fake.client_secret or given != {n: begun[n] for n in given}:
            raise HTTPException(400)
        return {"access_token": "x", "token_type": "Bearer", "id_token": fake.token(begun["nonce"])}

    return app
