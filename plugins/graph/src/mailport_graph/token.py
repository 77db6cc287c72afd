"""Access tokens by client credentials: msal in a thread, at most one request per credential."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from functools import partial
from typing import Any, NoReturn

from mailport.account import Account
from mailport.causes import causes
from mailport.certificate import certificate_and_key
from mailport.errors import MailportError, Unreachable
from mailport.services import Services
from mailport.token_failures import unanswered
from mailport.tokens import Token
from mailport.worker import Worker
from mailport_graph.fields import GraphSettings
from mailport_graph.login import LoginClient
from mailport_graph.translate import login_refused, unknown_tenant

__all__ = ["Tokens", "roles"]

_PATIENCE = 3  # a token takes two requests, each with the account's timeout between two bytes


class Tokens:
    """The tokens of one account; the host's cache holds them and lets one request per credential pass."""

    def __init__(self, account: Account, settings: GraphSettings, services: Services) -> None:
        self._account = account
        self._settings = settings
        self._services = services
        self._credential = _digest(settings)

    async def get(self) -> str:
        """Return a token. Raises ``AuthenticationFailed``, ``ConfigurationError`` or what a network failure is."""
        return await self._services.tokens.get(self._credential, self._fetch)

    async def renew(self, refused: str, claims: str | None) -> str:
        """Return a fresh token in place of one that Graph refused, with the ``claims`` that Graph asked for."""
        self._services.tokens.forget(self._credential, refused)
        return await self._services.tokens.get(self._credential, partial(self._fetch, claims))

    async def _fetch(self, claims: str | None = None) -> Token:
        answer = await self._in_thread(LoginClient(self._settings, self._services, self._account.timeout), claims)
        if "access_token" not in answer:
            raise login_refused(answer, self._account)
        return Token.from_answer(answer, field="cloud", remedy="Check the cloud.")

    async def _in_thread(self, client: LoginClient, claims: str | None) -> dict[str, Any]:
        """Ask in a thread of its own: a token server that hangs holds up nobody who asks another one.

        One that drips its answer never lets a socket time out: the whole has a limit as well.
        """
        worker = Worker("graph-token", client.abort)
        limit = asyncio.timeout(_PATIENCE * self._account.timeout)
        try:
            async with limit:
                return await worker.run(self._ask, client, claims)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise unanswered("cloud", "Try again later, and check the cloud.", _PATIENCE * self._account.timeout) from error
        finally:
            await worker.close()

    def _ask(self, client: LoginClient, claims: str | None) -> dict[str, Any]:
        """Ask msal, in a thread: it takes half a second to import, and even its constructor talks to the server.

        The application is made anew for each token, about once an hour: msal's own cache would give a refused token again.
        """
        import msal  # noqa: PLC0415

        try:
            application = msal.ConfidentialClientApplication(
                self._settings.client_id,
                authority=f"{self._settings.authority}/{self._settings.client_tenant_id}",
                client_credential=_proof(self._settings),
                http_client=client,
                instance_discovery=False,  # the cloud is known: asking Microsoft's global one would leave it
            )
            answer = application.acquire_token_for_client([f"{self._settings.graph}/.default"], claims_challenge=claims)
        except MailportError:
            raise
        except (ValueError, KeyError, TypeError) as error:
            _raise_explained(error, self._settings)
        return dict(answer or {})


def _proof(settings: GraphSettings) -> Any:
    if settings.client_secret_key is not None:
        return settings.client_secret_key.get_secret_value()
    pem = settings.client_certificate.get_secret_value() if settings.client_certificate else ""
    certificates, key = certificate_and_key(pem)  # msal would log what it cannot read
    return {"private_key": key, "public_certificate": certificates}


def _raise_explained(error: Exception, settings: GraphSettings) -> NoReturn:
    """Raise what is behind an error of msal: ours that it wrapped, an unknown tenant, or an answer that cannot be read."""
    ours = next((cause for cause in causes(error, hidden=True) if isinstance(cause, MailportError)), None)
    if ours is not None:
        raise ours from ours.__cause__
    if "authority configuration" in str(error):
        raise unknown_tenant(settings) from error
    raise Unreachable(
        "The token server gave an answer that cannot be read.",
        code="authentication.token_malformed",
        field="cloud",
        remedy="Check the cloud, and that no proxy or firewall answers in its place; else try again later.",
    ) from error


def _digest(settings: GraphSettings) -> str:
    parts = (settings.authority, settings.graph, settings.client_tenant_id, settings.client_id, *sorted(settings.secrets()))
    return "graph " + hashlib.sha256("\0".join(parts).encode()).hexdigest()


def roles(token: str) -> frozenset[str] | None:
    """Return the application permissions that a token names; None where it cannot be read.

    Rights given by RBAC for Applications are not among them. The signature is Graph's to check, not ours.
    """
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return frozenset(map(str, claims.get("roles", ())))
    except (ValueError, IndexError, AttributeError, TypeError):
        return None
