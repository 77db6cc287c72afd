"""What every request passes: security headers on each answer, and no answer without one, whatever happens inside."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from contextlib import AbstractContextManager

from fastapi import HTTPException, Request
from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from mailport_workspace.api.errors import MEDIA_TYPE, problem
from mailport_workspace.observing.traces import span, traceparent

__all__ = ["Boundary", "only_json"]

_log = logging.getLogger(__name__)

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_OVER_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}


class Boundary:
    """The outermost layer: it answers HEAD as GET without a body, and turns what nobody caught into a bare 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        with bound_contextvars(request=answer.id), _traced(scope):
            try:
                await self._app(inner, receive, answer.send)
            except Exception:
                _log.exception("a request failed")
                if answer.began:
                    raise
                await problem(500, "server.failed", request_id=answer.id)(inner, receive, answer.send)


def _traced(scope: Scope) -> AbstractContextManager[None]:
    """Go on in the trace of the caller, unless somebody further out does that already."""
    parent = "" if traceparent() else Headers(raw=scope["headers"]).get("traceparent")
    return span("call", parent=parent, method=scope["method"])


class _Answer:
    """What is sent for one request."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.id = secrets.token_hex(8)
        self.began = False
        self._body: bytes | None = None
        self._send = send
        self._is_head = scope["method"] == "HEAD"
        self._headers = _HEADERS | (_OVER_HTTPS if scope["scheme"] == "https" else {}) | {"X-Request-ID": self.id}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.began = True
            message = self._in_our_words(message)
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers.setdefault(name, value)
        elif message["type"] == "http.response.body" and (self._is_head or self._body is not None):
            message = {**message, "body": b"" if self._is_head else self._body}
            self._body = b""
        await self._send(message)

    def _in_our_words(self, start: Message) -> Message:
        """Put a problem document in place of the plain text with which the framework says that a body is too large."""
        if start["status"] != 413 or Headers(raw=start["headers"]).get("content-type") == MEDIA_TYPE:
            return start
        ours = problem(413, "http.content_too_large")
        self._body = bytes(ours.body)
        return {**start, "headers": ours.raw_headers}


async def only_json(request: Request) -> None:
    """Refuse a body of another kind than the route reads."""
    route = request.scope["route"]
    if not isinstance(route, APIRoute) or route.body_field is None:
        return
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in _readable(route):
        raise HTTPException(415, headers={"Accept": ", ".join(_readable(route))})


def _readable(route: APIRoute) -> Iterable[str]:
    declared = (route.openapi_extra or {}).get("requestBody", {}).get("content", {})
    return tuple(declared) or (getattr(route.body_field.field_info, "media_type", None) or "application/json",)  # type: ignore[union-attr]
