"""What a server can do instead of its duty. Error bodies are those of Google's documentation."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass
class Fault:
    """Happens to the next `times` requests whose operation contains `where`; None: to all of them.

    With a `status` that and `body` are the answer, and nothing was done. `cut` ends the connection before the request's
    body is read, or instead of the answer when the work was done; `truncate` lets only so many bytes of the right answer
    out, `garble` makes its JSON unreadable; `delay` before it and `drip` between two of its bytes are in seconds.
    """

    where: str = ""
    times: int | None = 1
    status: int | None = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: Literal["before", "after"] | None = None
    truncate: int | None = None
    garble: bool = False
    delay: float = 0.0
    drip: float = 0.0

    def concerns(self, operation: str) -> bool:
        """Whether it happens to a request of `operation`; counts it."""
        if self.where not in operation or self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True


def refusal(status: int, reason: str, message: str, **more: Any) -> Fault:
    """An answer of the Gmail API that says no."""
    headers = {"Content-Type": "application/json"} | more.pop("headers", {})
    return Fault(status=status, body=error_body(status, reason, message), headers=headers, **more)


def error_body(status: int, reason: str, message: str) -> bytes:
    """An error in the shape of Google's APIs: old list of errors and new details."""
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason.upper(), "domain": "googleapis.com"}
    error = {
        "code": status,
        "message": message,
        "errors": [{"message": message, "domain": "global", "reason": reason}],
        "status": {400: "FAILED_PRECONDITION", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}.get(status, "UNKNOWN"),
        "details": [info],
    }
    return json.dumps({"error": error}).encode()


def failure(status: int = 500, **more: Any) -> Fault:
    """A failure of the server's own."""
    return Fault(status=status, body=b"<html>Internal Server Error</html>", **more)
