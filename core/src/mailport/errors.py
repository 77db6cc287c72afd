"""Every error of mailport, by what the caller should do.

    MailportError
    ├── PluginError              a developer mends the plugin
    ├── ConfigurationError       an operator mends a setting; names the field            (ValueError)
    ├── UnsupportedFeature       the message or the wish cannot be expressed; decided before any I/O
    └── TransportError
        ├── AuthenticationFailed a person renews the credentials; never tried in a loop
        ├── PermissionDenied     a person grants a right                                  (PermissionError)
        ├── Throttled            wait ``retry_after`` seconds, or back off where it is None
        ├── Unreachable          try again later; the message was not handed over         (ConnectionError)
        │   └── TimedOut         the same, because the peer stayed silent                 (TimeoutError)
        ├── Refused              permanent; ``receipt`` says what became of each recipient
        ├── NotFound             folder, message or cursor is gone: synchronise anew       (LookupError)
        └── Uncertain            handed over without an answer: look it up before sending it again

A ``code`` is stable and has two parts, ``rung.cause`` (``tls.certificate_expired``): the rung is the step of the diagnosis
ladder to which the cause belongs. Texts never hold a secret, a token or the body of a message.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from mailport.receipt import Receipt

__all__ = [
    "AuthenticationFailed",
    "ConfigurationError",
    "MailportError",
    "NotFound",
    "PermissionDenied",
    "PluginError",
    "Problem",
    "Refused",
    "Throttled",
    "TimedOut",
    "TransportError",
    "Uncertain",
    "Unreachable",
    "UnsupportedFeature",
]


class MailportError(Exception):
    """Base of all errors of mailport.

    ``code`` is stable; ``remedy`` is one sentence for a human; ``field`` names the setting at fault, if one is;
    ``retry_after`` is in seconds; ``provider_code`` and ``request_id`` are the server's own; ``receipt`` says what became
    of each recipient where a message was under way.
    """

    default_code: ClassVar[str] = "mailport.error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        remedy: str = "",
        field: str | None = None,
        retry_after: float | None = None,
        provider_code: str | None = None,
        request_id: str | None = None,
        receipt: Receipt | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.remedy = remedy
        self.field = field
        self.retry_after = retry_after
        self.provider_code = provider_code
        self.request_id = request_id
        self.receipt = receipt
        self._notes: list[str] = []

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]  # computed: who passes the error on may correct its field
        """What a traceback shows below the message."""
        facts = (("field", self.field), ("remedy", self.remedy))
        return [*(f"{name}: {value}" for name, value in facts if value), *self._notes]

    def add_note(self, note: str) -> None:
        """Add a line to what a traceback shows."""
        self._notes.append(note)

    def __str__(self) -> str:
        return self.message

    def as_dict(self) -> dict[str, Any]:
        """Return the error as JSON-ready data: class, code, message, and what else is known."""
        facts = {
            "error": type(self).__name__,
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy or None,
            "field": self.field,
            "retry_after": self.retry_after,
            "provider_code": self.provider_code,
            "request_id": self.request_id,
        }
        return {name: value for name, value in facts.items() if value is not None}


class PluginError(MailportError):
    """A plugin breaks the contract; its developer must act."""

    default_code = "plugin.broken"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration: the field, a stable code, and for a human a sentence and a remedy."""

    field: str
    code: str
    message: str
    remedy: str = ""


class ConfigurationError(MailportError, ValueError):
    """A setting is wrong; an operator must act. ``problems`` lists every field at fault, the first is ``field``."""

    default_code = "settings.invalid"

    def __init__(self, message: str, *, problems: tuple[Problem, ...] = (), **facts: Any) -> None:
        if problems:
            facts.setdefault("field", problems[0].field)
            facts.setdefault("code", problems[0].code)
            facts.setdefault("remedy", problems[0].remedy)
        super().__init__(message, **facts)
        self.problems = problems

    def as_dict(self) -> dict[str, Any]:
        """Return the error as JSON-ready data, with every field at fault under ``problems``."""
        problems = [asdict(problem) for problem in self.problems]
        return super().as_dict() | ({"problems": problems} if problems else {})


class UnsupportedFeature(MailportError):
    """The message or the wish cannot be expressed with this protocol or server; decided before the message leaves."""

    default_code = "send.unsupported"


class TransportError(MailportError):
    """The mail system answered, or failed to answer, in a way that stops the work."""

    default_code = "transport.failed"


class AuthenticationFailed(TransportError):
    """The credentials were refused. Never try again by yourself: servers lock accounts."""

    default_code = "authentication.refused"


class PermissionDenied(TransportError, PermissionError):
    """The identity is fine, the right is missing."""

    default_code = "permission.denied"


class Throttled(TransportError):
    """The server asks to come back later: after ``retry_after`` seconds, or by back-off where it is None."""

    default_code = "send.throttled"


class Unreachable(TransportError, ConnectionError):
    """No connection, or it broke before the message was handed over."""

    default_code = "connect.failed"


class TimedOut(Unreachable, TimeoutError):
    """The peer stayed silent for longer than the account allows, before the message was handed over."""

    default_code = "connect.timeout"


class Refused(TransportError):
    """The server refused the message, or every recipient, for good."""

    default_code = "send.refused"


class NotFound(TransportError, LookupError):
    """A folder, a message or a cursor is gone from the server."""

    default_code = "folder.missing"


class Uncertain(TransportError):
    """The message was handed over and no answer came: it may have been delivered."""

    default_code = "send.uncertain"
