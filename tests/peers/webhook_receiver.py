"""A system that is told what happened: it verifies every signature as Standard Webhooks says, and fails as it is told to."""

import base64
import hashlib
import hmac
import json
import ssl
import time
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.peers.ports import HOST
from tests.peers.threaded_http import Listener, ThreadedHttp


@dataclass(frozen=True)
class Fault:
    """An answer in place of the right one, after `delay` seconds; with `cut` the connection ends instead."""

    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    cut: bool = False


@dataclass(frozen=True)
class Call:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """What the sender calls this message, however often it sends it."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        """What the body says."""
        return json.loads(self.body)


def is_signed(call: Call, key: str) -> bool:
    """Whether one of the signatures is made with `key`, and not long ago."""
    secret = base64.b64decode(key.removeprefix("whsec_"))
    signed = f"{call.id}.{call.headers['webhook-timestamp']}.".encode() + call.body
    mine = "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    is_fresh = abs(time.time() - int(call.headers["webhook-timestamp"])) < 300
    return is_fresh and any(hmac.compare_digest(mine, theirs) for theirs in call.headers["webhook-signature"].split())


class WebhookReceiver(ThreadedHttp):
    """Listens from entering to leaving the block, at `url`; every request takes one of `faults`, and stands in `calls`."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self._scheme = "https" if context else "http"
        super().__init__(Listener(partial(_Handler, self), context))

    @property
    def url(self) -> str:
        """The address to be told at."""
        return f"{self._scheme}://{HOST}:{self.port}/hook"

    def answer(self, call: Call) -> Fault:
        """Return the answer to a request."""
        self.calls.append(call)
        return self.faults.pop(0) if self.faults else Fault(status=204)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, receiver: WebhookReceiver, *arguments: Any) -> None:
        self._receiver = receiver
        super().__init__(*arguments)

    def do_POST(self) -> None:
        """Take one request."""
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = self._receiver.answer(Call(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        time.sleep(answer.delay)
        if answer.cut:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
