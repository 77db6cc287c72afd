"""What Google said when it refused: its answers as the few facts that decide, whatever their shape."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mailport.waiting import retry_after

__all__ = ["Said", "read_answer", "read_token_answer"]

_UNTIL = re.compile(r"[Rr]etry after (\d{4}-\d\d-\d\dT[\d:.]+Z)")


@dataclass(frozen=True, slots=True)
class Said:
    """A refusal: HTTP ``status``, Google's ``reasons`` (lower case), its ``message``, and seconds to wait if it named any."""

    status: int
    reasons: frozenset[str]
    message: str
    retry_after: float | None
    request_id: str | None = None

    @property
    def reason(self) -> str | None:
        """The reason to show."""
        return ", ".join(sorted(self.reasons)) or None

    @property
    def facts(self) -> dict[str, Any]:
        """What every error tells of it."""
        return {"provider_code": self.reason, "request_id": self.request_id, "retry_after": self.retry_after}

    def is_about(self, *words: str) -> bool:
        """Whether one of ``words`` is a reason, or stands in the message."""
        return any(word in self.reasons or word in self.message.lower() for word in words)


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> Said:
    """Read a refusal of the Gmail API."""
    error = _member(_json(body), "error")
    message = str(error.get("message", ""))
    reasons = frozenset(str(reason).lower() for reason in _reasons(error))
    return Said(status, reasons, message, _retry_after(headers, message), headers.get("x-guploader-uploadid"))


def read_token_answer(status: int, headers: Mapping[str, str], body: bytes) -> Said:
    """Read a refusal of the token endpoint: RFC 6749 section 5.2."""
    answer = _json(body)
    message = str(answer.get("error_description", ""))
    reasons = frozenset({str(answer["error"]).lower()} if isinstance(answer.get("error"), str) else ())
    return Said(status, reasons, message, _retry_after(headers, message))


def _json(body: bytes) -> dict[str, Any]:
    with suppress(ValueError):
        answer = json.loads(body)
        if isinstance(answer, dict):
            return answer
    return {}


def _member(answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    member = answer.get(name)
    return member if isinstance(member, dict) else {}


def _reasons(error: Mapping[str, Any]) -> Iterator[Any]:
    if error.get("status"):
        yield error["status"]
    for name in ("errors", "details"):
        entries = error.get(name)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and entry.get("reason"):
                yield entry["reason"]


def _retry_after(headers: Mapping[str, str], message: str) -> float | None:
    """Return the seconds of a Retry-After header, or until the time that Gmail writes into its text."""
    said = retry_after(headers.get("retry-after"))
    if said is None and (found := _UNTIL.search(message)):
        with suppress(ValueError):
            return max(0.0, (datetime.fromisoformat(found[1]) - datetime.now(UTC)).total_seconds())
    return said
