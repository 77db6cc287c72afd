"""Address headers to mailboxes (RFC 5322 section 3.4), taken apart before anything in them is decoded.

An encoded name may hold commas and addresses once it is decoded (RFC 2047 section 6.2), and ``email.utils.getaddresses`` reads
broken lists differently in each Python (CVE-2023-27043), needs a stack frame for each open parenthesis, and raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mailport.address import CONTROL, Address
from mailport.errors import ConfigurationError
from mailport.reading.words import decode_text, raw_text

__all__ = ["mailboxes"]

# Possessive, so that an unfinished quotation costs no second look; encoded words are one token: some hold bare commas.
_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*+"'
    r'|<(?:[^<>"]|"(?:[^"\\]|\\.)*+")*+>'
    r"|=\?[^?\s]{1,60}\?[bqBQ]\?[^?\s]{0,500}\?="
    r"|\\."
    r'|[^"<>=\\(),;:]++'
    r"|.",
    re.DOTALL,
)
_DEEPER = {"(": 1, ")": -1}
_SEPARATORS, _GROUP = frozenset(",;"), frozenset(":")


def mailboxes(value: str) -> Iterator[Address | ConfigurationError]:
    """Yield every entry of an address list in order; one that is no address as the error that says why."""
    for piece in _pieces(raw_text(value)):
        if _says_something(piece):
            try:
                yield _address(piece)
            except ConfigurationError as error:
                yield error


def _pieces(value: str) -> Iterator[list[str]]:
    """Cut at the commas, and at semicolons as Outlook writes them; drop the names of groups."""
    piece: list[str] = []
    depth, has_mailbox = 0, False
    for token in _TOKEN.findall(value):
        depth = max(0, depth + _DEEPER.get(token, 0))
        if not depth and token in _SEPARATORS:
            yield piece
            piece, has_mailbox = [], False
        elif depth == 0 and token in _GROUP and not has_mailbox:
            piece = []
        else:
            piece.append(token)
            has_mailbox = has_mailbox or "@" in token
    yield piece


def _says_something(piece: list[str]) -> bool:
    return any(not token.isspace() for token in piece)


def _address(piece: Sequence[str]) -> Address:
    """Read one entry. Two mailboxes in it, or parentheses that do not match, could be read either way: they are refused."""
    words, comments = _without_comments(piece)
    routes = [token for token in words if token[0] in "<>"]
    if not routes:
        return Address(_mailbox("".join(words)), _name(comments))
    if len(routes) > 1 or len(routes[0]) == 1 or not _GROUP.isdisjoint(words):
        raise _invalid(piece)
    return Address(_mailbox(routes[0][1:-1]), _name([token for token in words if token is not routes[0]]) or _name(comments))


def _without_comments(piece: Sequence[str]) -> tuple[list[str], list[str]]:
    words: list[str] = []
    comments: list[str] = []
    depth = 0
    for token in piece:
        depth += _DEEPER.get(token, 0)
        if depth < 0:
            raise _invalid(piece)
        if token not in _DEEPER:
            (comments if depth else words).append(token)
    if depth:
        raise _invalid(piece)
    return words, comments


def _mailbox(text: str) -> str:
    """Return ``local@domain`` without the white space and the source route of old forms (RFC 5322 section 4.4)."""
    text = text.strip()
    if text.startswith("@"):
        text = text.partition(":")[2].strip()
    return text if '"' in text else "@".join(part.strip() for part in text.split("@"))


def _name(tokens: Sequence[str]) -> str:
    plain = (re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') and len(token) > 1 else token for token in tokens)
    return CONTROL.sub(" ", decode_text("".join(plain))).strip()


def _invalid(piece: Sequence[str]) -> ConfigurationError:
    shown = CONTROL.sub("\N{REPLACEMENT CHARACTER}", "".join(piece)).strip()[:100]
    return ConfigurationError(
        f"“{shown}” is not one mail address.", code="address.invalid", remedy="Write it as name <name@example.org>."
    )
