"""``/metrics``: an ASGI application of its own, for the API's port or for one that only Prometheus reaches."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import Receive, Scope, Send

from mailport_workspace.observing.metrics import REGISTRY
from mailport_workspace.observing.rows import registry_of_rows
from mailport_workspace.store import Store

__all__ = ["Exporter"]

PATH = "/metrics"


class Exporter:
    """Answers with the metrics of this process and of the rows; with a ``token`` only to who shows it as bearer."""

    def __init__(self, store: Store, token: str | None = None) -> None:
        self._store = store
        self._token = token

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status, body = await self._answer(scope)
        headers = [(b"content-type", CONTENT_TYPE_LATEST.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})

    async def _answer(self, scope: Scope) -> tuple[int, bytes]:
        if scope["path"] != PATH or scope["method"] not in ("GET", "HEAD"):
            return 404, b""
        if not self._is_allowed(scope["headers"]):
            return 401, b""
        return 200, generate_latest(REGISTRY) + generate_latest(await registry_of_rows(self._store))

    def _is_allowed(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        if self._token is None:
            return True
        given = b"".join(value for name, value in headers if name == b"authorization")
        return hmac.compare_digest(given, f"Bearer {self._token}".encode())
