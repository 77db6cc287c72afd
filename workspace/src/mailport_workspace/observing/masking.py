"""The last net under the logs: what looks like a secret is masked, whoever wrote it and wherever it stands (SEC-01).

Nothing of ours puts a secret into a log; a library's error, a plugin or a URL might.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["MASK", "mask", "mask_event"]

MASK = "***"

_WORDS = (
    r"pass(?:word|wd|phrase)?|pwd|secrets?|(?:[a-z0-9]+[_-])?tokens?|(?:client|private|signing|api|access|secret)[_-]?(?:key|secret)"
    r"|assertion|authorization|cookies?|credentials?"
)
_NAMED = re.compile(rf"(?:^|[_.-])(?:{_WORDS})(?:_key)?$", re.IGNORECASE)
_NAMES = rf"(?<![A-Za-z0-9])(?:{_WORDS})[\"'”]?\s*(?:=|:)\s*"
_TEXTS = (
    re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?P<secret>.+?)(?:-----END [A-Z0-9 ]*-----|\Z)", re.DOTALL),
    re.compile(r"\b(?:bearer|basic|digest)\s+(?P<secret>[A-Za-z0-9._~+/=-]{8,})", re.IGNORECASE),
    re.compile(r"://[^\s/@:]*:(?P<secret>[^\s/@]+)@"),
    re.compile(r"\bAUTH (?:PLAIN|LOGIN|XOAUTH2|OAUTHBEARER|CRAM-MD5) (?P<secret>\S+)", re.IGNORECASE),
    re.compile(rf"{_NAMES}[\"'“](?P<secret>[^\"'”]+)", re.IGNORECASE),
    re.compile(rf"{_NAMES}(?P<secret>[^\s\"'“,;&)\]}}]+)", re.IGNORECASE),
    re.compile(r"\b(?P<secret>eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?)"),  # a JSON Web Token
    re.compile(r"\bmailport_[0-9a-f]{32}_[0-9a-f]{32}_(?P<secret>[0-9a-f]{64})\b"),
    re.compile(r"\b[A-Za-z0-9_-]{1,32}:(?P<secret>[A-Za-z0-9+/]{43}=)"),  # an entry of the key ring
    re.compile(r"\bv1\.[A-Za-z0-9_-]{1,32}\.(?P<secret>[A-Za-z0-9+/]{38,}={0,2})"),  # a sealed secret
)


def mask(text: str) -> str:
    """Return text without what looks like a secret."""
    for pattern in _TEXTS:
        text = pattern.sub(_masked, text)
    return text


def mask_event(_logger: object, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Mask one log line; a processor of structlog."""
    return {name: MASK if _NAMED.search(name) and value else _value(value) for name, value in event.items()}


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return mask_event(None, "", {str(name): inner for name, inner in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return mask(str(value))


def _masked(match: re.Match[str]) -> str:
    start, end = match.span("secret")
    whole, offset = match[0], match.start()
    return whole[: start - offset] + MASK + whole[end - offset :]
