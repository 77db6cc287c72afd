"""An OAuth 2.0 token endpoint over TLS whose tokens Dovecot and Postfix accept."""

import json
import ssl
import time
import urllib.parse
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.peers.ports import HOST
from tests.peers.threaded_http import Listener, ThreadedHttp
from tests.peers.token_grant import Client, Form, Rejected, authenticate, check_grant
from tests.peers.tokens import TokenIssuer


@dataclass(frozen=True)
class TokenFault:
    """An answer in place of the right one, after `delay` seconds; without `status` the right one comes late."""

    status: int | None = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


SERVER_ERROR = TokenFault(500, b"<html>Internal Server Error</html>", {"Content-Type": "text/html"})
MALFORMED = TokenFault(200, b'{"access_token": ', {"Content-Type": "application/json"})


def throttled(retry_after: str) -> TokenFault:
    """429 with a Retry-After of seconds or an HTTP date."""
    return TokenFault(429, b'{"error": "temporarily_unavailable"}', {"Retry-After": retry_after})


def slow(seconds: float) -> TokenFault:
    """The right answer, late."""
    return TokenFault(delay=seconds)


class TokenEndpoint(ThreadedHttp):
    """Serves from entering to leaving the block, at `url`.

    Tests may change at any time: `clients` by client id, `scopes` (None allows all), `lifetime` of the tokens in
    seconds, and `faults`, of which every request takes one. `requests` holds the form of each request.
    """

    def __init__(self, issuer: TokenIssuer, context: ssl.SSLContext) -> None:
        self.clients: dict[str, Client] = {}
        self.scopes: set[str] | None = None
        self.lifetime = 3600
        self.faults: list[TokenFault] = []
        self.requests: list[Form] = []
        self._issuer = issuer
        super().__init__(Listener(partial(_Handler, self), context))

    @property
    def tenant(self) -> str:
        """The address below which everything lies, in the layout of Entra."""
        return f"https://{HOST}:{self.port}/tenant"

    @property
    def url(self) -> str:
        """The token endpoint itself."""
        return f"{self.tenant}/oauth2/v2.0/token"

    def configuration(self) -> dict[str, Any]:
        """What OpenID discovery answers."""
        return {
            "issuer": f"{self.tenant}/v2.0",
            "token_endpoint": self.url,
            "authorization_endpoint": f"{self.tenant}/oauth2/v2.0/authorize",
        }

    def grant(self, form: Form, authorization: str) -> dict[str, Any]:
        """The answer to a token request; raises `Rejected`."""
        client = authenticate(self.clients, form, authorization, self.url)
        check_grant(form, self.scopes)
        token = self._issuer.token(client.username, expires_in=self.lifetime)
        return {"token_type": "Bearer", "expires_in": self.lifetime, "access_token": token}


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, endpoint: TokenEndpoint, *connection: Any) -> None:
        self._endpoint = endpoint
        super().__init__(*connection)

    def do_GET(self) -> None:
        """Discovery."""
        if self.path.endswith("/.well-known/openid-configuration"):
            self._answer(200, self._endpoint.configuration())
        else:
            self._answer(404, {"error": "not_found"})

    def do_POST(self) -> None:
        """A token request."""
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self._endpoint.requests.append(form)
        fault = self._endpoint.faults.pop(0) if self._endpoint.faults else TokenFault()
        time.sleep(fault.delay)
        if fault.status is not None:
            self._send(fault.status, fault.body, fault.headers)
        else:
            self._grant(form)

    def log_message(self, *_: object) -> None:
        """Keep standard error clean."""

    def _grant(self, form: Form) -> None:
        try:
            self._answer(200, self._endpoint.grant(form, self.headers.get("Authorization", "")))
        except Rejected as rejected:
            self._answer(rejected.status, rejected.answer)

    def _answer(self, status: int, answer: dict[str, Any]) -> None:
        self._send(status, json.dumps(answer).encode(), {"Content-Type": "application/json", "Cache-Control": "no-store"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
