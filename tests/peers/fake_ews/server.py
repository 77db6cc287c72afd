"""The server: HTTPS with connections that stay open, signing in, and a thread for each connection."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import spnego
from lxml import etree

from tests.peers.fake_ews.answers import TYPES, Failed, answer, fault, to_bytes
from tests.peers.fake_ews.contract import SOAP, violations
from tests.peers.fake_ews.faults import Fault
from tests.peers.fake_ews.operations import Mailroom, Operations
from tests.peers.fake_ews.signin import Ntlm, Users
from tests.peers.fake_ews.store import MailStore
from tests.peers.ports import HOST
from tests.peers.threaded_http import Listener, ThreadedHttp
from tests.peers.tokens import TokenIssuer

PATH = "/EWS/Exchange.asmx"
_READ = 64 * 1024
_SOAP_HEADERS = {"Content-Type": "text/xml; charset=utf-8", "request-id": "0e4ac1b7-7a8d-4a6c-9f5e-2d1c0b9a8f7e"}


class FakeEws(ThreadedHttp):
    """Serves from entering to leaving the block, at `url`.

    Tests may change at any time: `offers` (ways to sign in), `faults`, `room` (mailboxes and verdicts), `delegates`
    (login to further mailboxes), `denied` (mailboxes that no application may act for), `versions` that it speaks.
    """

    def __init__(self, context: ssl.SSLContext, folder: Path, issuer: TokenIssuer | None = None) -> None:
        self.room = Mailroom()
        self.users = Users(folder, issuer)
        self.offers = ["Basic", "Bearer"]
        self.faults: list[Fault] = []
        self.delegates: dict[str, set[str]] = {}
        self.denied: set[str] = set()
        self.versions = {"Exchange2016", "Exchange2013_SP1", "Exchange2010_SP2"}
        self.violations: list[str] = []
        self.judges = True  # benchmarks switch it off
        self.requests: list[str] = []  # operations that were asked for, signed in or not
        self.bodies: list[bytes] = []  # the requests themselves, without big ones
        self.answered = 0  # HTTP requests, whatever became of them
        self.refused = 0  # failed sign-ins
        self.connections = 0
        self.open_connections = 0
        self.under_way = 0  # messages that were taken and not answered
        self.latency = 0.0
        self.silent = False
        self._answers = threading.Event()
        self._answers.set()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        super().__init__(Listener(partial(_Handler, self), context))

    def let_go(self) -> None:
        self._stopping.set()
        self._answers.set()

    @property
    def url(self) -> str:
        """The address of EWS."""
        return f"https://{HOST}:{self.port}{PATH}"

    def add_mailbox(self, address: str, password: str = "") -> MailStore:
        """Add a mailbox, and its owner's password."""
        store = self.room.stores[address.lower()] = MailStore(address)
        if password:
            self.users.add(address, password)
        return store

    @contextmanager
    def holding_answers(self) -> Iterator[None]:
        """Inside the block messages are taken and not answered."""
        self._answers.clear()
        try:
            yield
        finally:
            self._answers.set()

    def pause(self, seconds: float) -> None:
        """Wait, unless the server ends."""
        self._stopping.wait(seconds)

    def wait_for_answers(self) -> None:
        while not self._answers.wait(0.05):
            if self._stopping.is_set():
                return

    def next_fault(self, operation: str | None, *, reads: bool) -> Fault | None:
        """The fault that happens to this request, before (`reads` is false) or after its body was read."""
        with self._lock:
            for each in self.faults:
                if each.operation == operation and (operation is None or each.reads == reads):
                    if each.times is not None:
                        each.times -= 1
                        if each.times == 0:
                            self.faults.remove(each)
                    return each
        return None

    def judge(self, who: str, envelope: Any) -> None:
        """Note what the schemas have against a request or an answer."""
        if self.judges:
            self.violations += [f"{who}: {found}" for found in violations(envelope)]

    def count(self, **changes: int) -> None:
        with self._lock:
            for name, change in changes.items():
                setattr(self, name, getattr(self, name) + change)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def __init__(self, ews: FakeEws, *connection: Any) -> None:
        self._ews = ews
        self._ntlm: Ntlm | None = None
        self._unread = 0  # bytes of the request's body
        self._login: str | None = None  # who signed in on this connection by NTLM
        super().__init__(*connection)

    def handle(self) -> None:
        self._ews.count(connections=1, open_connections=1)
        try:
            with suppress(ConnectionError, ssl.SSLError, TimeoutError):
                super().handle()
        finally:
            self._ews.count(open_connections=-1)

    def log_message(self, *_: object) -> None:
        """Keep standard error clean."""

    def do_POST(self) -> None:
        """One request."""
        self._ews.count(answered=1)
        self._unread = int(self.headers.get("Content-Length", "0"))
        if self._ews.silent:
            self._ews.pause(3600)
            self.cut()
            return
        if self._suffers(None):
            return
        if self.path.lower() != PATH.lower():
            self.read_body()
            self.send(404, b"not here", {"Content-Type": "text/plain"})
            return
        self._serve()

    def _serve(self) -> None:
        login = self._signed_in()
        self._ews.pause(self._ews.latency)
        if login is None:
            self.read_body()
            return
        # Faults before the body depend on the operation, which is known from the header that the client sends or not at all.
        if self._suffers("CreateItem", reads=False):
            return
        self.body = self.read_body()
        self.envelope = etree.fromstring(self.body, etree.XMLParser(huge_tree=True))
        self.login = login
        if not self._suffers(self.operation):
            self._answer()

    @property
    def operation(self) -> str:
        return str(etree.QName(self.envelope.find(f"{{{SOAP}}}Body")[0]).localname)

    def _answer(self) -> None:
        try:
            self.send(200, self.carry_out(), _SOAP_HEADERS)
        except Failed as failed:
            self.send(500, to_bytes(fault(failed)), _SOAP_HEADERS)

    def carry_out(self) -> bytes:
        """Do what is asked and return the answer. Raises `Failed`."""
        request = self.envelope.find(f"{{{SOAP}}}Body")[0]
        self._ews.requests.append(self.operation)
        if len(self.body) < 100_000:
            self._ews.bodies.append(self.body)
        self._check_version()
        self._ews.judge("request", self.envelope)
        operations = self._operations()
        messages = len(request.findall("{*}Items/{*}Message")) if self.operation == "CreateItem" else 0
        self._ews.count(under_way=messages)
        try:
            if messages:
                self._ews.wait_for_answers()
            document = answer(self.operation, operations.run(request))
        finally:
            self._ews.count(under_way=-messages)
        self._ews.judge("answer", document)
        written = to_bytes(document)
        for token, content in operations.contents.items():
            written = written.replace(token, content)
        return written

    def _check_version(self) -> None:
        version = self.envelope.find(f".//{{{TYPES}}}RequestServerVersion").get("Version")
        if version not in self._ews.versions:
            raise Failed("ErrorInvalidServerVersion", "The specified server version is invalid.")

    def _operations(self) -> Operations:
        named = self.envelope.findtext(f".//{{{TYPES}}}PrimarySmtpAddress")
        if self.login == "":  # an application
            if named is None:
                raise Failed(
                    "ErrorInvalidRequest", "ExchangeImpersonation SOAP header must be present for this type of OAuth token."
                )
            if named.lower() in self._ews.denied:
                raise Failed(
                    "ErrorImpersonateUserDenied", "The account does not have permission to impersonate the requested user."
                )
            self._ews.room.store(named)
            return Operations(self._ews.room, named, {named.lower()})
        own = self.login.rpartition("\\")[2]
        mailbox = own if "@" in own else next((a for a in self._ews.room.stores if a.startswith(f"{own}@")), own)
        return Operations(self._ews.room, mailbox, {mailbox} | self._ews.delegates.get(mailbox, set()))

    def _suffers(self, operation: str | None, *, reads: bool = True) -> bool:
        """Let a fault happen; with `reads` false only one that comes before the body."""
        found = self._ews.next_fault(operation, reads=reads)
        if found is None:
            return False
        if operation is None and found.reads:
            self.read_body()
        return found.act(self)

    def _signed_in(self) -> str | None:
        """The login that a request comes from, an empty one for an application; None after a refusal was sent."""
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        login = self._login
        if scheme == "Basic" and "Basic" in self._ews.offers:
            login = self._ews.users.basic(value)
        elif scheme == "Bearer" and "Bearer" in self._ews.offers:
            login = "" if self._ews.users.bearer(value) else None
        elif scheme == "NTLM" and "NTLM" in self._ews.offers:
            return self._by_ntlm(value)
        if login is None:
            self._refuse(counts=bool(scheme))
        return login

    def _by_ntlm(self, message: str) -> str | None:
        self._ntlm = self._ntlm or self._ews.users.ntlm()
        try:
            login, challenge = self._ntlm.step(message)
        except spnego.exceptions.SpnegoError:
            self._ntlm = None
            self._refuse(counts=True)
            return None
        if login is None:
            self.read_body()
            self.send(401, b"", {"WWW-Authenticate": f"NTLM {challenge}"})
            return None
        self._ntlm, self._login = None, login
        return login

    def _refuse(self, *, counts: bool) -> None:
        self._ews.count(refused=int(counts))
        self.read_body()
        # Each way has a header of its own.
        self.send(401, b"", {"WWW-Authenticate": list(self._ews.offers)})

    def pause(self, seconds: float) -> None:
        """Wait, unless the server ends."""
        self._ews.pause(seconds)

    def read_body(self) -> bytes:
        """The request's body, once."""
        chunks = []
        while self._unread and (chunk := self.rfile.read(min(self._unread, _READ))):
            chunks.append(chunk)
            self._unread -= len(chunk)
        if self._unread:
            raise ConnectionAbortedError("the client hung up")
        return b"".join(chunks)

    def send(self, code: int, body: bytes, headers: dict[str, Any]) -> None:
        """Send an answer."""
        self.send_response(code)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            for each in value if isinstance(value, list) else [value]:
                self.send_header(name, each)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def cut(self) -> None:
        """Break the connection."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
