"""The Gmail API. Requests and answers are judged by Google's description; a violation fails the test when the block ends."""

import json
import ssl
import time
from collections import defaultdict
from functools import cache

from tests.peers.fake_gmail.contract import ContractViolation, GmailContract, Operation
from tests.peers.fake_gmail.faults import error_body
from tests.peers.fake_gmail.mailbox import Mailbox
from tests.peers.fake_gmail.methods import METHODS, Call, Refusal
from tests.peers.fake_gmail.serving import Answer, Request, TlsServer
from tests.peers.fake_gmail.tokens import FakeGoogleTokens, Grant


class FakeGmail(TlsServer):
    """Serves from entering to leaving the block. Tokens are those of `tokens`.

    `mailboxes` are the users' by address; `outside` what left for other addresses, without its Bcc header.
    `page_size` makes lists come in more pages, `replaces_message_ids` does what Gmail does to ids that it dislikes.
    """

    def __init__(self, context: ssl.SSLContext, tokens: FakeGoogleTokens) -> None:
        super().__init__(context)
        self.tokens = tokens
        self.mailboxes: dict[str, Mailbox] = {}
        self.outside: defaultdict[str, list[bytes]] = defaultdict(list)
        self.violations: list[str] = []
        self.page_size = 500
        self.replaces_message_ids = False
        self.refuses_batches = False
        self.refuses = b""  # messages with this in them
        self._contract = _contract()

    def __exit__(self, *failure: object) -> None:
        super().__exit__(*failure)
        if failure[0] is None and self.violations:
            raise ContractViolation("\n".join(self.violations))

    def mailbox(self, address: str) -> Mailbox:
        """The mailbox of a user, who is created if need be."""
        self.tokens.users.add(address)
        return self.mailboxes.setdefault(address, Mailbox(address))

    def operation(self, request: Request) -> str:
        try:
            return self._contract.operation(request.method, request.path).name
        except ContractViolation as error:
            self.violations.append(str(error))
            return "unknown"

    def perform(self, operation: str, request: Request) -> Answer:
        try:
            found = self._contract.operation(request.method, request.path)
            content_type = request.headers.get("Content-Type", "")
            self._contract.check_request(found, request.query, content_type, request.body)
            answer = self._perform(found, request)
            if answer.status < 300:
                self._contract.check_answer(found, answer.body)
        except ContractViolation as error:
            self.violations.append(str(error))
            return Answer(400, error_body(400, "badRequest", str(error)))
        return answer

    def _perform(self, operation: Operation, request: Request) -> Answer:
        try:
            grant = self._grant(request)
            self._check_scope(operation, grant)
            box = self._box(grant, operation.path["userId"])
            with self._lock:
                result = METHODS[operation.name](Call(self, box, operation.path, request.query, request.body))
        except Refusal as refusal:
            return Answer(refusal.status, error_body(refusal.status, refusal.reason, refusal.message))
        return Answer(204, headers=()) if result is None else Answer(200, json.dumps(result).encode())

    def _grant(self, request: Request) -> Grant:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        grant = self.tokens.grants.get(token)
        if grant is None or grant.ends < time.time():
            raise Refusal(401, "authError", "Invalid Credentials")
        return grant

    def _check_scope(self, operation: Operation, grant: Grant) -> None:
        if not grant.scopes & set(operation.method["scopes"]):
            raise Refusal(403, "insufficientPermissions", "Request had insufficient authentication scopes.")

    def _box(self, grant: Grant, user: str) -> Mailbox:
        if user not in ("me", grant.user):
            raise Refusal(403, "forbidden", f"Delegation denied for {grant.user}")
        if grant.user not in self.mailboxes:
            raise Refusal(400, "failedPrecondition", "Mail service not enabled")
        return self.mailboxes[grant.user]

    def deliver(self, raw: bytes, recipients: list[str]) -> None:
        """Bring a message to its recipients, here or outside."""
        for address in dict.fromkeys(recipients):
            if address in self.mailboxes:
                self.mailboxes[address].add(raw, "INBOX", "UNREAD")
            else:
                self.outside[address].append(raw)


@cache
def _contract() -> GmailContract:
    return GmailContract()
