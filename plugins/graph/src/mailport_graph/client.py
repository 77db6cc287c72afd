"""Requests to Microsoft Graph: token, gate, one exchange at a time, and batches."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx2

from mailport.account import Account
from mailport.errors import Unreachable
from mailport.services import Services
from mailport_graph.fields import GraphSettings
from mailport_graph.gate import CAPACITY, Gate, gate_of
from mailport_graph.network import Transport
from mailport_graph.token import Tokens
from mailport_graph.translate import Answer, broken, malformed, refusal

__all__ = ["BATCH", "Call", "GraphClient", "Progress", "settings_of"]

BATCH = 20
"""Requests in one ``$batch`` (https://learn.microsoft.com/graph/json-batching)."""

_ROOT = "/v1.0"
_PIECE = 64 * 1024
_LIMIT = 64 << 20  # bytes of an answer that is read into memory: twenty small messages in base64
_IMMUTABLE = 'IdType="ImmutableId"'
_AGENT = {"User-Agent": "mailport-graph", "Accept": "*/*", "Accept-Encoding": "identity"}
_CLAIMS = re.compile(r'claims="([A-Za-z0-9+/=_-]+)"')
_DOWNLOAD_SILENCE = 300.0  # Exchange makes the MIME of a big message anew before its first byte


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: ``path`` is quoted and below the service root; ``body`` is JSON-ready, or text as it is."""

    method: str
    path: str
    body: Any = None
    content_type: str = "application/json"
    prefer: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that a request has alone or in a batch. Ids are immutable ones, everywhere."""
        made = {"Prefer": ", ".join(filter(None, (_IMMUTABLE, self.prefer))), **self.conditions}
        return made if self.body is None else made | {"Content-Type": self.content_type}

    @property
    def content(self) -> bytes:
        """The bytes of the body."""
        if self.body is None:
            return b""
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@dataclass(slots=True)
class Progress:
    """How far a request got.

    It is handed over when its last byte was written; from ``last_piece`` on it cannot be withdrawn for certain, without a body
    from ``begun`` on.
    """

    begun: bool = False
    handed_over: bool = False
    last_piece: bool = False

    async def trace(self, event: str, _: Mapping[str, Any]) -> None:
        """Take note of what httpcore tells."""
        if event == "http11.send_request_headers.started":
            self.begun = True
        elif event == "http11.send_request_body.complete":
            self.handed_over = True


class _Pieces:
    """A body that is written piece by piece, so that each has its own time limit and can be cancelled."""

    def __init__(self, body: bytes | memoryview, progress: Progress) -> None:
        self._body = memoryview(body)
        self._progress = progress

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._body), _PIECE):
            self._progress.last_piece = at + _PIECE >= len(self._body)
            yield bytes(self._body[at : at + _PIECE])


def settings_of(account: Account) -> GraphSettings:
    """Return the account's settings; core dispatches accounts of this protocol only."""
    settings = account.settings
    assert isinstance(settings, GraphSettings)  # noqa: S101
    return settings


class GraphClient:
    """Speaks with Microsoft Graph for one mailbox; may be used by many tasks at once.

    Errors are mailport's. A refused token is renewed once; nothing else is tried again.
    """

    def __init__(self, account: Account, services: Services) -> None:
        self.account = account
        self.clock = services.clock
        self.tokens = Tokens(account, settings_of(account), services)
        self.mailbox = f"/users/{quote(account.user_name, safe='@')}"
        self._services = services
        # The transport alone: a client on top of it would log upload addresses, which are permissions, and keep cookies.
        self._http: Transport | None = None

    def __repr__(self) -> str:
        return f"<GraphClient {self.account.user_name} open={self._http is not None}>"

    @property
    def gate(self) -> Gate:
        """The gate before this mailbox, shared by all who use it."""
        settings = settings_of(self.account)
        return gate_of(f"{settings.graph} {settings.client_id} {self.account.user_name.lower()}")

    async def open(self) -> None:
        """Sign in. Connections are opened when they are needed."""
        await self.tokens.get()
        self._http = Transport(settings_of(self.account), self._services)

    async def close(self) -> None:
        """Close every connection."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def call(self, call: Call, *, sending: Progress | None = None) -> Answer:
        """Return the answer to ``call`` if it is a success; ``sending``: it hands over a message, and how far that got."""
        async with self.gate.place(self.clock):
            answer = await self.exchange(call, sending or Progress(), sending=sending is not None)
        if not 200 <= answer.status < 300:
            raise refusal(answer, self.account, sending=sending is not None)
        return answer

    async def batch(self, calls: Sequence[Call]) -> list[Answer | None]:
        """Return the answers to at most ``BATCH`` calls, in order; None where there is none."""
        async with self.gate.place(self.clock, min(CAPACITY, len(calls))):
            if len(calls) == 1:
                return [await self.exchange(calls[0], Progress())]
            return await self.exchange_batch(calls, Progress())

    async def exchange_batch(self, calls: Sequence[Call], progress: Progress, *, sending: bool = False) -> list[Answer | None]:
        """Do what ``batch`` does, inside the gate."""
        requests = [_inner(str(number), call) for number, call in enumerate(calls)]
        call = Call(method="POST", path="/$batch", body={"requests": requests})
        answer = await self.exchange(call, progress, sending=sending)
        if answer.status != 200:
            raise refusal(answer, self.account, sending=sending)
        found = _inner_answers(answer)
        for inner in found.values():
            self._heed(inner)
        return [found.get(str(number)) for number in range(len(calls))]

    async def exchange(self, call: Call, progress: Progress, *, sending: bool = False) -> Answer:
        """Return the answer to ``call``, whatever it is; inside the gate. A refused token is renewed once."""
        token = await self.tokens.get()
        answer = await self._once(call, token, progress, sending=sending)
        if answer.status == 401:
            progress.begun = progress.handed_over = progress.last_piece = False
            token = await self.tokens.renew(token, _claims(answer))
            answer = await self._once(call, token, progress, sending=sending)
        return answer

    async def put(self, url: str, body: memoryview, headers: Mapping[str, str]) -> Answer:
        """Put a range to an upload address. The address itself is the permission: it must not see the token."""
        if urlsplit(url).scheme != "https":
            raise malformed()
        async with self.gate.place(self.clock):
            progress = Progress()
            request = httpx2.Request(
                "PUT",
                url,
                content=_Pieces(body, progress),
                headers=_sized(headers, body) | _AGENT,
                extensions={"timeout": self._silence()},
            )
            return await self._answer(request, progress, sending=False)

    @asynccontextmanager
    async def download(self, call: Call) -> AsyncIterator[AsyncIterator[bytes]]:
        """Stream the body of an answer; one of the mailbox's places is held as long."""
        async with self.gate.place(self.clock):
            response = await self._begin_download(call)
            try:
                yield self._body(response)
            finally:
                await response.aclose()

    async def _begin_download(self, call: Call) -> httpx2.Response:
        token = await self.tokens.get()
        response = await self._send(self._download(call, token), handed_over=None)
        if response.status_code == 401:
            answer = await self._read(response)
            token = await self.tokens.renew(token, _claims(answer))
            response = await self._send(self._download(call, token), handed_over=None)
        if response.status_code != 200:
            answer = await self._read(response)
            self._heed(answer)
            raise refusal(answer, self.account)
        return response

    def _download(self, call: Call, token: str) -> httpx2.Request:
        return self._request(call, token, Progress(), read=max(self.account.timeout, _DOWNLOAD_SILENCE))

    def _silence(self, read: float | None = None) -> dict[str, float | None]:
        """Return how long each step may go without progress, in seconds."""
        seconds = self.account.timeout
        return httpx2.Timeout(seconds, read=read or seconds, pool=None).as_dict()

    async def _body(self, response: httpx2.Response) -> AsyncIterator[bytes]:
        try:
            async for chunk in response.aiter_raw():
                yield chunk
        except httpx2.HTTPError as error:
            raise broken(error, handed_over=False) from error

    async def _once(self, call: Call, token: str, progress: Progress, *, sending: bool) -> Answer:
        return await self._answer(self._request(call, token, progress), progress, sending=sending)

    def _request(self, call: Call, token: str, progress: Progress, *, read: float | None = None) -> httpx2.Request:
        identity = {"Authorization": f"Bearer {token}", "client-request-id": str(uuid4())}
        content = call.content
        return httpx2.Request(
            call.method,
            settings_of(self.account).graph + _ROOT + call.path,
            headers=_sized(call.headers, content) | identity | _AGENT,
            content=_Pieces(content, progress) if content else None,
            extensions={"trace": progress.trace, "timeout": self._silence(read)},
        )

    async def _answer(self, request: httpx2.Request, progress: Progress, *, sending: bool) -> Answer:
        response = await self._send(request, progress if sending else None)
        try:
            answer = await self._read(response)
        except Unreachable as error:
            if response.status_code == 202:  # all is said
                return Answer(202, _lower(response.headers))
            if sending:
                raise broken(httpx2.ReadError(error.message), handed_over=True) from error
            raise
        self._heed(answer)
        return answer

    async def _send(self, request: httpx2.Request, handed_over: Progress | None) -> httpx2.Response:
        try:
            return await self._transport().handle_async_request(request)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise broken(error, handed_over=handed_over is not None and handed_over.handed_over) from error

    async def _read(self, response: httpx2.Response) -> Answer:
        """Read the body into memory, within bounds, and end the exchange."""
        body = bytearray()
        try:
            async for chunk in self._body(response):
                body += chunk
                if len(body) > _LIMIT:
                    raise malformed()
        finally:
            await response.aclose()
        return Answer(response.status_code, _lower(response.headers), bytes(body))

    def _heed(self, answer: Answer) -> None:
        """Close the gate for as long as the mailbox asks."""
        if answer.status in (429, 503, 504) and answer.pause:
            self.gate.close_for(answer.pause, self.clock)

    def _transport(self) -> Transport:
        if self._http is None:
            raise Unreachable("The session is not open.", code="connect.closed")
        return self._http


def _sized(headers: Mapping[str, str], content: bytes | memoryview) -> dict[str, str]:
    return {**headers, "Content-Length": str(len(content))} if content else dict(headers)


def _lower(headers: httpx2.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _claims(answer: Answer) -> str | None:
    """Return the claims that a 401 asks for (Continuous Access Evaluation), or None."""
    found = _CLAIMS.search(answer.headers.get("www-authenticate", ""))
    if found is None:
        return None
    try:
        return base64.b64decode(found.group(1) + "==", altchars=b"-_").decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _inner(number: str, call: Call) -> dict[str, Any]:
    made = {"id": number, "method": call.method, "url": call.path, "headers": call.headers}
    return made if call.body is None else made | {"body": call.body}


def _inner_answers(answer: Answer) -> dict[str, Answer]:
    responses = answer.json().get("responses")
    if not isinstance(responses, list):
        raise malformed()
    complete = [one for one in responses if isinstance(one, dict) and isinstance(one.get("status"), int)]
    return {str(one.get("id")): _inner_answer(one) for one in complete}


def _inner_answer(one: Mapping[str, Any]) -> Answer:
    body = one.get("body")
    content = body.encode("utf-8", "replace") if isinstance(body, str) else json.dumps(body or {}).encode()
    headers = one.get("headers")
    named = {str(name).lower(): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
    return Answer(one["status"], named, content)
