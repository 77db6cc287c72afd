"""The service: authentication, faults, concurrency limit, batches, and the judge around every exchange."""

import asyncio
import base64
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import unquote

import jwt

from tests.peers.fake_graph_answers import Refusal, answer, error
from tests.peers.fake_graph_contract import document, judge_answer, judge_request
from tests.peers.fake_graph_faults import Fault
from tests.peers.fake_graph_http import HttpServer, Reply, Request
from tests.peers.fake_graph_operations import operate
from tests.peers.fake_graph_world import World
from tests.peers.loop_thread import LoopThread
from tests.peers.ports import HOST
from tests.peers.tokens import TokenIssuer

CONCURRENCY = 4


class FakeGraph(World):
    """Serves from entering to leaving the block, at `service`; `faults` and the switches work at any time."""

    def __init__(self, issuer: TokenIssuer, context: ssl.SSLContext, *, judged: bool = True) -> None:
        super().__init__()
        if judged:
            document()  # skips the test where there is no contract
        self.faults: list[Fault] = []
        self.requests: list[Request] = []  # outer ones: the round trips
        self.peak = 0  # of requests in flight, those inside batches included
        self.batch_encoding = "odata"  # or "base64": what a text in a batch must be
        self.revoked: set[str] = set()
        self.judged = judged
        self.under_way = 0
        self.latency = 0.0
        self.answering = asyncio.Event()
        self.answering.set()
        self.silent = False
        self.http = HttpServer(context, self._serve)
        self._issuer = issuer
        self._in_flight = 0
        self._loop = LoopThread()

    def __enter__(self) -> Self:
        self._loop.__enter__()
        self._loop.run(self.http.start())
        self.service = f"https://{HOST}:{self.http.port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self.http.stop())
        self._loop.__exit__()

    def cut_connections(self) -> None:
        """Break every connection that is open."""
        self._loop.run(_soon(self.http.cut_all))

    @contextmanager
    def holding(self, switch: asyncio.Event) -> Iterator[None]:
        """Keep `switch` off inside the block."""
        self._loop.run(_soon(switch.clear))
        try:
            yield
        finally:
            self._loop.run(_soon(switch.set))

    def calls(self, match: str) -> list[Request]:
        """The round trips so far whose "METHOD path" contains `match`."""
        return [request for request in self.requests if match in f"{request.method} {request.path}"]

    async def _serve(self, request: Request) -> Reply:
        self.requests.append(request)
        if self.silent:
            await asyncio.Event().wait()
        await asyncio.sleep(self.latency)
        weight = _weight(request)
        self._in_flight += weight
        self.under_way += _messages(request)
        self.peak = max(self.peak, self._in_flight)
        try:
            await self.answering.wait()
            if self._in_flight > CONCURRENCY + weight - 1:
                return error(429, "ApplicationThrottled", "over its MailboxConcurrency limit.", {"Retry-After": "1"})
            return await self._faulty(request)
        finally:
            self._in_flight -= weight
            self.under_way -= _messages(request)

    async def _faulty(self, request: Request) -> Reply:
        async def work() -> Reply:
            return await self._answer(request)

        for fault in self.faults:
            if fault.takes(request):
                fault.times -= 1
                return await fault.behaviour(work)
        return await work()

    async def _answer(self, request: Request) -> Reply:
        if request.path.startswith("/uploads/"):
            return _or_refusal(lambda: self.upload(request))
        if (refused := self._unauthorised(request.headers)) is not None:
            return refused
        self._judge_request(request)
        reply = await self._batch(request) if request.path == "/$batch" else self._one(request)
        self._judge_answer(request, reply)
        return reply

    def _unauthorised(self, headers: Mapping[str, str]) -> Reply | None:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        key = (self._issuer.folder / "default" / "RS256" / self._issuer.key_id).read_bytes()
        try:
            if token in self.revoked:
                raise jwt.InvalidTokenError
            jwt.decode(token, key, algorithms=["RS256"])
        except jwt.InvalidTokenError:
            return error(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
        return None

    def _one(self, request: Request) -> Reply:
        user, _, rest = request.path.removeprefix("/users/").partition("/")
        mailbox = self.mailboxes.get(unquote(user).lower())
        if mailbox is None:
            return error(404, "ErrorInvalidUser", "The requested user is invalid.")
        return _or_refusal(lambda: operate(self, mailbox, f"/{rest}", request))

    async def _batch(self, request: Request) -> Reply:
        responses = []
        for inner in request.json()["requests"]:
            made = self._inner(inner)
            self._judge_request(made)
            reply = await self._faulty_inner(made)
            responses.append(_inner_answer(inner["id"], reply))
        return answer({"responses": responses[::-1]})  # in any order

    async def _faulty_inner(self, request: Request) -> Reply:
        async def work() -> Reply:
            reply = self._one(request)
            self._judge_answer(request, reply)
            return reply

        for fault in self.faults:
            if fault.takes(request):
                fault.times -= 1
                return await fault.behaviour(work)
        return await work()

    def _inner(self, inner: dict[str, Any]) -> Request:
        body = inner.get("body")
        headers = {name.lower(): value for name, value in inner.get("headers", {}).items()}
        content = b"" if body is None else json.dumps(body).encode()
        if isinstance(body, str):
            content = base64.b64decode(body) if self.batch_encoding == "base64" else body.encode()
        return Request(inner["method"], f"/v1.0{inner['url']}", headers, content)

    def _judge_request(self, request: Request) -> None:
        if not self.judged:
            return
        target = request.target.removeprefix("/v1.0")
        self.violations += judge_request(request.method, target, request.headers, request.body)
        if not request.path.startswith("/$batch") and 'IdType="ImmutableId"' not in request.headers.get("prefer", ""):
            self.violations.append(f"{request.method} {request.path}: ids may change")

    def _judge_answer(self, request: Request, reply: Reply) -> None:
        if self.judged:
            self.violations += judge_answer(request.method, request.path, reply.status, reply.body)


def _or_refusal(work: Any) -> Reply:
    try:
        reply: Reply = work()
    except Refusal as refusal:
        return refusal.reply
    return reply


async def _soon(work: Any) -> None:
    work()


def _messages(request: Request) -> int:
    """How many messages a request hands over."""
    if request.path == "/$batch":
        return sum(inner["url"].endswith("/sendMail") for inner in request.json()["requests"])
    return int(request.path.endswith(("/sendMail", "/send")))


def _weight(request: Request) -> int:
    """How many requests the mailbox serves at once because of this one."""
    return min(CONCURRENCY, len(request.json()["requests"])) if request.path == "/$batch" else 1


def _inner_answer(number: str, reply: Reply) -> dict[str, Any]:
    made: dict[str, Any] = {"id": number, "status": reply.status, "headers": dict(reply.headers)}
    if "json" in reply.headers.get("Content-Type", ""):
        return made | {"body": json.loads(reply.body)}
    return made | ({"body": base64.b64encode(reply.body).decode()} if reply.body else {})
